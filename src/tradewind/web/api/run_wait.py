"""Wait for the end of a run: a line of JSON now and then, the last with what tasks returned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import anyio
import anyio.to_thread
import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES
from tradewind.store import xcoms
from tradewind.store.connect import Database
from tradewind.store.read import scheduling, task_list
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import RUN, the_run
from tradewind.web.api.xcoms import native
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes

routes = Routes("DagRun")
_RETURNED = "return_value"


class WaitQuery(msgspec.Struct, kw_only=True):
    """How often the run's state is told, in seconds; whose results the last line has."""

    interval: Annotated[float, Meta(ge=1, le=3600)]
    result: Annotated[list[str], Meta(max_length=1_000)] = []


@routes.get(f"{RUN}/wait", Access.DAG_READ)
async def wait_dag_run_until_finished(call: Call[WaitQuery, None]) -> Response:
    """Tell a run's state again and again until it has ended: a line of JSON each time."""
    run = await anyio.to_thread.run_sync(the_run, call)
    lines = _lines(call.site.db, run, call.query)
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _lines(db: Database, run: Run, query: WaitQuery) -> AsyncIterator[bytes]:
    while run.state not in TERMINAL_RUN_STATES:
        yield _line({"state": run.state.value})
        await anyio.sleep(query.interval)
        found = await anyio.to_thread.run_sync(partial(scheduling.run, db, run.run_pk))
        if found is None:
            return
        run = found
    told: dict[str, Any] = {"state": run.state.value}
    if query.result:
        told["results"] = await anyio.to_thread.run_sync(partial(_results, db, run, query.result))
    yield _line(told)


def _line(told: dict[str, Any]) -> bytes:
    return msgspec.json.encode(told) + b"\n"


def _results(db: Database, run: Run, task_ids: list[str]) -> dict[str, Any]:
    """Return by task what it returned; of a mapped task a list."""
    found: dict[str, Any] = {}
    for task_id in task_ids:
        instances = task_list.instances_of(db, run.run_pk, task_id)
        values = [_returned(db, ti) for ti in instances]
        mapped = any(ti.map_index != UNMAPPED for ti in instances)
        found[task_id] = values if mapped else next(iter(values), None)
    return found


def _returned(db: Database, ti: TiKey) -> Any:
    try:
        return native(xcoms.value(db, ti, _RETURNED))
    except NotFound:
        return None
