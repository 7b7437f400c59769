"""Put the ASGI application together."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from tradewind.clock import Clock
from tradewind.errors import TradewindError
from tradewind.store.connect import Database
from tradewind.store.read import dags, runs
from tradewind.store.signal import Signal
from tradewind.web.api import Api, json
from tradewind.web.guard import LoopbackOnly
from tradewind.web.health import Thresholds, health, is_ready
from tradewind.web.page import CONTENT_SECURITY_POLICY, RUNS_SHOWN, status_page

_DAGS_SHOWN = 500


def build_app(db: Database, signal: Signal, clock: Clock, thresholds: Thresholds) -> Starlette:
    """Return the application over a database."""

    def monitor(_: Request) -> Response:
        return json(health(db, clock, thresholds))

    def ready(_: Request) -> Response:
        document = health(db, clock, thresholds)
        return json(document, 200 if is_ready(document) else 503)

    def live(_: Request) -> Response:
        return PlainTextResponse("ok")

    def page(_: Request) -> Response:
        document = health(db, clock, thresholds)
        try:
            listed = dags.dags(db, limit=_DAGS_SHOWN)
            latest = runs.latest_runs(db, [d.dag_id for d in listed], RUNS_SHOWN)
            broken = dags.files(db, broken=True)
        except TradewindError as error:
            return PlainTextResponse(f"{error}\n", 503)
        html = status_page(document, listed, latest, broken, clock.now())
        return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    api = Api(db, signal, clock)
    return Starlette(
        routes=[
            Route("/", page),
            Route("/livez", live),
            Route("/health", monitor),
            Route("/readyz", ready),
            Route("/api/v2/monitor/health", monitor),
            Mount("/api/v2", routes=api.routes()),
        ],
        middleware=[Middleware(LoopbackOnly)],
    )
