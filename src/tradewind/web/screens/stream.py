"""One stream of server-sent events: what changed, as it changes.

A message is `{"seq": n, "events": [[dag, run, task or null, map index, state, try, time], …]}`;
a null task is the run itself. A listener that is too slow, or was away for too long, is told
to `reload`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from tradewind.web.call import Call
from tradewind.web.screens.desk import desk_of, unix
from tradewind.web.screens.feed import Feed, Message

_BEAT_S = 15.0
"""A comment this often keeps proxies from hanging up."""


async def stream(call: Call[Any, Any]) -> Response:
    """Return the stream; it goes on from `Last-Event-ID`, or from `after`: what a page has read."""
    request = call.request
    asked = request.headers.get("last-event-id", request.query_params.get("after", ""))
    since = int(asked) if asked.isdigit() else None
    return StreamingResponse(
        _messages(desk_of(call.site).feed, since, call.caller.readable),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _messages(
    feed: Feed, since: int | None, only: frozenset[str] | None
) -> AsyncIterator[bytes]:
    queue = await feed.listen()
    try:
        yield b"retry: 2000\n\n"
        if since is not None:
            yield await _text(feed, await feed.after(since), only)
        else:
            yield f"id: {await feed.newest()}\nevent: hello\ndata: {{}}\n\n".encode()
        while True:
            try:
                message = await asyncio.wait_for(queue.get(), _BEAT_S)
            except TimeoutError:
                yield b": beat\n\n"
                continue
            yield await _text(feed, message, only)
    finally:
        feed.leave(queue)


async def _text(feed: Feed, message: Message | None, only: frozenset[str] | None) -> bytes:
    if message is None:
        return f"id: {await feed.newest()}\nevent: reload\ndata: {{}}\n\n".encode()
    seq, events = message
    shown: list[list[object]] = []
    for event in events:
        if event.subject == "attempt":
            continue
        run = await feed.name(event.run_pk)
        if run is None or (only is not None and run[0] not in only):
            continue
        task = event.task_id if event.subject == "task" else None
        shown.append(
            [*run, task, event.map_index, event.to_state, event.try_number, unix(event.at)]
        )
    data = msgspec.json.encode({"seq": seq, "events": shown})
    return b"id: %d\ndata: %b\n\n" % (seq, data)
