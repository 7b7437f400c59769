"""Have a DAG file parsed again. The DAG processor does it: this server never reads the file."""

from __future__ import annotations

import base64
import binascii

from tradewind.errors import NotFound
from tradewind.store import parse_requests
from tradewind.store.read import dag_files
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes

routes = Routes("DAG Parsing")


@routes.put("/api/v2/parseDagFile/{file_token}", Access.DAG_EDIT, status=201)
def reparse_dag_file(call: Call[None, None]) -> None:
    """Ask the DAG processor to parse a file again, within seconds, although it did not change."""
    site, path = call.site, _path(call.path["file_token"])
    found = dag_files.dags_of_file(site.db, path) if path is not None else []
    seen = [dag_id for dag_id in found if call.caller.may_read(dag_id)]
    if path is None or not seen:
        raise NotFound("there is no DAG file of this token; take it from a DAG's file_token")
    for dag_id in found:
        call.caller.require(dag_id, edit=True)
    with site.db.write() as conn:
        parse_requests.ask(conn, path, site.clock.now())
    call.audit(after={"dag_file": path})


def _path(token: str) -> str | None:
    """Return the DAG file that `file_token` made a token of."""
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
