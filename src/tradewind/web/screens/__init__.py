"""What the web UI's screens read: private to the UI, and free to change with it.

Changes go through the public API (`/api/v2`) like everybody else's. `ENDPOINTS` is the
screens' part of the route table.
"""

from __future__ import annotations

from types import NoneType
from typing import Any

from starlette.responses import Response, StreamingResponse

from tradewind.store.read.history import newest
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Endpoint, Handler
from tradewind.web.screens import (
    admin,
    assets,
    calendar,
    code,
    dags,
    graph,
    grid,
    home,
    logs,
    questions,
    runs,
    tasks,
)
from tradewind.web.screens.desk import Asked, Reader, desk_of, respond
from tradewind.web.screens.stream import stream

SCREENS: dict[str, tuple[Access, Reader]] = {
    "/ui/home": (Access.VIEW, home.home),
    "/ui/dags": (Access.VIEW, dags.listing),
    "/ui/dag-names": (Access.VIEW, dags.names),
    "/ui/dag": (Access.VIEW, dags.frame),
    "/ui/grid": (Access.VIEW, grid.grid),
    "/ui/graph": (Access.VIEW, graph.graph),
    "/ui/calendar": (Access.VIEW, calendar.calendar),
    "/ui/code": (Access.VIEW, code.code),
    "/ui/runs": (Access.VIEW, runs.runs),
    "/ui/run": (Access.VIEW, runs.run),
    "/ui/task": (Access.VIEW, tasks.task),
    "/ui/xcom": (Access.VIEW, tasks.xcom),
    "/ui/rendered": (Access.VIEW, tasks.rendered),
    "/ui/log": (Access.VIEW, logs.log),
    "/ui/log/search": (Access.VIEW, logs.search),
    "/ui/questions": (Access.VIEW, questions.questions),
    "/ui/assets": (Access.VIEW, assets.assets),
    "/ui/asset-events": (Access.VIEW, assets.asset_events),
    "/ui/backfills": (Access.VIEW, admin.backfills),
    "/ui/parts": (Access.OP, admin.parts),
    "/ui/config": (Access.OP, admin.configuration),
    "/ui/audit": (Access.OP, admin.audit_log),
    "/ui/users": (Access.ADMIN, admin.users),
    "/ui/import-errors": (Access.OP, admin.import_errors),
}


def _handler(reader: Reader) -> Handler:
    def read(call: Call[Any, Any]) -> Response:
        # Before the read: whatever comes to be meanwhile is told again by the stream.
        seq = newest(call.site.db)
        return respond(call.request, reader(desk_of(call.site), Asked.of(call)), seq)

    return read


def _raw_log(call: Call[Any, Any]) -> Response:
    name, pieces = logs.raw_log(desk_of(call.site), Asked.of(call))
    # Never shown in place: what a task printed is not a page of ours.
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type="application/x-ndjson", headers=headers)


def _endpoint(path: str, access: Access, handler: Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        access=access,
        handler=handler,
        tag="UI",
        query=NoneType,
        body=NoneType,
        answers=None,
    )


ENDPOINTS: list[Endpoint] = [
    *(_endpoint(path, access, _handler(reader)) for path, (access, reader) in SCREENS.items()),
    _endpoint("/ui/log/raw", Access.VIEW, _raw_log),
    _endpoint("/ui/stream", Access.VIEW, stream),
]
