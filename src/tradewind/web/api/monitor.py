"""Health and version: for probes, without signing in; who has signed in also learns reasons."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse, Response

from tradewind import __version__
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.health import health, is_ready
from tradewind.web.refusals import json
from tradewind.web.shapes import Shape

routes = Routes("Monitor")


class VersionInfo(Shape):
    """The version that runs."""

    version: str
    git_version: str | None


@routes.get("/api/v2/monitor/health", Access.PUBLIC)
def get_health(call: Call[None, None]) -> dict[str, Any]:
    """Return which parts are alive."""
    return health(call.site, reasons=call.caller.account is not None)


@routes.get("/health", Access.PUBLIC)
def get_short_health(call: Call[None, None]) -> dict[str, Any]:
    """Return which parts are alive."""
    return health(call.site, reasons=call.caller.account is not None)


@routes.get("/livez", Access.PUBLIC)
def get_liveness(call: Call[None, None]) -> Response:
    """Answer while the server runs."""
    del call
    return PlainTextResponse("ok")


@routes.get("/readyz", Access.PUBLIC)
def get_readiness(call: Call[None, None]) -> Response:
    """Answer 200 when DAGs are parsed and run, else 503."""
    document = health(call.site, reasons=call.caller.account is not None)
    return json(document, 200 if is_ready(document) else 503)


@routes.get("/api/v2/version", Access.PUBLIC)
def get_version(call: Call[None, None]) -> VersionInfo:
    """Return the version that runs."""
    del call
    return VersionInfo(version=__version__, git_version=None)
