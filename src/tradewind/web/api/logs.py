"""The logs of tasks: whole, or piece by piece with a token, also while the task runs.

Where a log is follows from ids that the database knows; the request's own text is never part
of a path. No link is followed (`wire.logs`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED
from tradewind.model.state import TaskState
from tradewind.store.read.task_list import TaskRow
from tradewind.web.access import Access
from tradewind.web.api.task_instances import TASK, the_task
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid, json
from tradewind.web.shapes import Shape
from tradewind.wire import logs

routes = Routes("Task Instance")

_PIECE = 512 * 1024
"""About the bytes of log in one answer."""
_GOING_ON = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.DEFERRED})


class LogQuery(msgspec.Struct, kw_only=True):
    """Which log is wanted. token: go on after the piece that it came with."""

    map_index: int = UNMAPPED
    full_content: bool = False
    token: str | None = None


class TaskInstancesLogResponse(Shape):
    """A piece of a log; without a token it is the last one."""

    content: list[dict[str, Any]]
    continuation_token: str | None


class ExternalLogUrlResponse(Shape):
    """Where else a log is."""

    url: str


class _Place(msgspec.Struct, array_like=True):
    """How far somebody has read: the segment's number in the list, the offset in it."""

    segment: int = 0
    offset: int = 0


@routes.get(f"{TASK}/logs/{{try_number}}", Access.DAG_READ)
def get_log(call: Call[LogQuery, None]) -> Response:
    """Return the log of a try: JSON with a token, lines of JSON, or plain text."""
    row = the_task(call, call.query.map_index)
    number = call.number("try_number")
    if number < 0 or number > max(row.ti.try_number, row.ti.max_tries):
        raise NotFound(f"task {row.ti.task_id!r} has no try {number}")
    root = call.site.config.logging.base_log_folder
    folder = logs.instance_folder(
        root, row.run.dag_id, row.run.run_id, row.ti.task_id, row.ti.map_index
    )
    if call.site.log_archive is not None and not _goes_on(row, number):
        call.site.log_archive.fetch(folder, number)
    found = logs.segments(folder, number)
    accept = call.request.headers.get("accept", "")
    if "ndjson" in accept:
        lines = (msgspec.json.encode(line) + b"\n" for line in _all(root, found))
        return StreamingResponse(lines, media_type="application/x-ndjson")
    if "text/plain" in accept:
        plain = (_text(line).encode() for line in _all(root, found))
        return StreamingResponse(plain, media_type="text/plain; charset=utf-8")
    place = _read_token(call.query.token)
    content, place, is_end = _piece(root, found, place)
    # A log that may still grow has a next piece, empty for now.
    more = not is_end or _goes_on(row, number)
    return json(
        TaskInstancesLogResponse(
            content=content, continuation_token=_token(place) if more else None
        )
    )


@routes.get(f"{TASK}/externalLogUrl/{{try_number}}", Access.DAG_READ)
def get_external_log_url(call: Call[LogQuery, None]) -> ExternalLogUrlResponse:
    """Answer that logs are nowhere else."""
    the_task(call, call.query.map_index)
    raise NotFound("logs are kept by this server; no external log service is set up")


def _piece(
    root: Path, found: list[logs.Segment], place: _Place
) -> tuple[list[dict[str, Any]], _Place, bool]:
    """Return lines from a place on, the place after them, and whether that is the end."""
    content: list[dict[str, Any]] = []
    number, offset, left = place.segment, place.offset, _PIECE
    while number < len(found) and left > 0:
        chunk = _read(root, found[number], offset, left)
        content += [_shown(line) for line in chunk.lines]
        left -= chunk.end - offset
        offset = chunk.end
        if not chunk.lines:
            if number == len(found) - 1:
                return content, _Place(number, offset), True
            number, offset = number + 1, 0
    return content, _Place(number, offset), number >= len(found)


def _read(root: Path, segment: logs.Segment, offset: int, limit: int) -> logs.Chunk:
    try:
        return logs.read(root, segment.path, offset, limit)
    except OSError:
        # It went away, or a task put something else in its place.
        return logs.Chunk([], offset, offset)


def _all(root: Path, found: list[logs.Segment]) -> Iterator[dict[str, Any]]:
    for segment in found:
        offset = 0
        while (chunk := _read(root, segment, offset, _PIECE)).lines:
            yield from map(_shown, chunk.lines)
            offset = chunk.end


def _shown(line: bytes) -> dict[str, Any]:
    parsed = logs.parse(line)
    shown: dict[str, Any] = {
        "timestamp": parsed.ts or None,
        "event": parsed.event,
        "level": parsed.level,
        "logger": parsed.source,
    }
    if parsed.exc:
        shown["error_detail"] = parsed.exc
    return shown


def _text(line: dict[str, Any]) -> str:
    detail = f"\n{line['error_detail']}" if "error_detail" in line else ""
    return f"{line['timestamp'] or ''} {line['level'].upper()} {line['event']}{detail}\n"


def _goes_on(row: TaskRow, number: int) -> bool:
    return number == row.ti.try_number and row.ti.state in _GOING_ON


def _token(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _read_token(token: str | None) -> _Place:
    if not token:
        return _Place()
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        place = msgspec.json.decode(raw, type=_Place)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise invalid("token", "is not a token of this log", token, where="query") from error
    if place.segment < 0 or not 0 <= place.offset < 2**62:
        raise invalid("token", "is not a token of this log", token, where="query")
    return place
