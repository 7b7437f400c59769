"""The HTTP server: health, a plain status page, and triggering a run.

Async, and thin: each answer is one reader of `store` or one verb of `actions`, run in a
thread. User code is never imported here.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tradewind.actions.trigger import trigger
from tradewind.clock import Clock
from tradewind.errors import AlreadyExists, NotFound, TradewindError, Unavailable, UserError
from tradewind.store import components
from tradewind.store.connect import Database
from tradewind.store.read import overview, runs
from tradewind.store.signal import Signal

MAX_BODY = 1024 * 1024
"""Bytes of a request that are read."""

_UNHEALTHY_AFTER = timedelta(seconds=30)
_PARTS = ("scheduler", "dag_processor", "triggerer")
_STATUS: dict[type[TradewindError], int] = {
    NotFound: 404,
    AlreadyExists: 409,
    UserError: 400,
    Unavailable: 503,
}


def make_app(db: Database, signal: Signal, clock: Clock) -> Starlette:
    """Return the application."""
    site = _Site(db, signal, clock)
    return Starlette(
        routes=[
            Route("/", site.home),
            Route("/health", site.health),
            Route("/api/v2/monitor/health", site.health),
            Route("/livez", _alive),
            Route("/readyz", site.ready),
            Route("/api/v2/dags/{dag_id}/dagRuns", _plainly(site.trigger), methods=["POST"]),
            Route("/api/v2/dags/{dag_id}/dagRuns", _plainly(site.runs), methods=["GET"]),
        ]
    )


class _Site:
    """The answers."""

    def __init__(self, db: Database, signal: Signal, clock: Clock) -> None:
        self._db = db
        self._signal = signal
        self._clock = clock

    async def health(self, _request: Request) -> Response:
        """Answer in the shape of Airflow's health endpoint."""
        return _json(await anyio.to_thread.run_sync(self._health))

    async def ready(self, _request: Request) -> Response:
        """Answer 200 when the database and the scheduler are there."""
        found = await anyio.to_thread.run_sync(self._health)
        ok = all(found[p]["status"] == "healthy" for p in ("metadatabase", "scheduler"))
        return PlainTextResponse("ready" if ok else "not ready", 200 if ok else 503)

    async def trigger(self, request: Request) -> Response:
        """Create a run."""
        body = await request.body()
        if len(body) > MAX_BODY:
            return _json({"detail": f"the body is larger than {MAX_BODY} bytes"}, 413)
        try:
            asked = msgspec.json.decode(body or b"{}", type=_Trigger)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            return _json({"detail": str(error)}, 422)
        run = await anyio.to_thread.run_sync(
            partial(
                trigger,
                self._db,
                self._signal,
                self._clock,
                request.path_params["dag_id"],
                run_id=asked.dag_run_id,
                conf=asked.conf,
                logical_date=asked.logical_date,
                note=asked.note,
                triggered_by="rest_api",
            )
        )
        return _json({"dag_id": run.dag_id, "dag_run_id": run.run_id, "state": run.state.value})

    async def runs(self, request: Request) -> Response:
        """List a DAG's latest runs."""
        found = await anyio.to_thread.run_sync(
            partial(runs.runs, self._db, request.path_params["dag_id"], limit=100)
        )
        return _json(
            {
                "dag_runs": [
                    {
                        "dag_id": run.dag_id,
                        "dag_run_id": run.run_id,
                        "state": run.state.value,
                        "logical_date": run.logical_date,
                        "start_date": run.started_at,
                        "end_date": run.ended_at,
                    }
                    for run in found
                ],
                "total_entries": len(found),
            }
        )

    async def home(self, _request: Request) -> Response:
        """Show every DAG with its latest run."""
        rows = await anyio.to_thread.run_sync(partial(overview.dags, self._db))
        lines = "".join(
            f"<tr><td>{html.escape(r.dag_id)}</td><td>{html.escape(r.schedule)}</td>"
            f"<td>{'paused' if r.paused else 'active'}</td>"
            f"<td class={html.escape(r.last_state or 'none')}>{html.escape(r.last_state or '–')}"
            f"</td><td>{html.escape(r.last_run_id or '')}</td></tr>"
            for r in rows
        )
        return HTMLResponse(_PAGE.replace("{{rows}}", lines), headers=_HEADERS)

    def _health(self) -> dict[str, Any]:
        found: dict[str, Any] = {"metadatabase": {"status": "healthy"}}
        for kind in _PARTS:
            try:
                part = components.latest(self._db, kind)
            except TradewindError:
                found["metadatabase"] = {"status": "unhealthy"}
                part = None
            beat = part.beat_at if part is not None and part.stopped_at is None else None
            fresh = beat is not None and self._clock.now() - beat < _UNHEALTHY_AFTER
            status = "healthy" if fresh else ("unhealthy" if part is not None else None)
            found[kind] = {"status": status, f"latest_{kind}_heartbeat": beat}
        return found


class _Trigger(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a trigger request."""

    dag_run_id: str | None = None
    logical_date: datetime | None = None
    conf: dict[str, Any] = {}
    note: str | None = None


def _plainly(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer our own errors with their text and status."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except TradewindError as error:
            status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
            return _json({"detail": str(error)}, status)

    return handle


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("alive")


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Tradewind</title>
<meta name="viewport" content="width=device-width">
<style>body{font:15px system-ui;margin:2rem;color-scheme:light dark}
td,th{padding:.3rem .8rem;text-align:left}.success{color:#1a7f37}.failed{color:#cf222e}
.running{color:#0969da}</style>
<h1>Tradewind</h1><table><tr><th>DAG<th>Schedule<th>State<th>Latest run<th>Run</tr>{{rows}}</table>
</html>
"""
