"""Put the ASGI application together: one table of endpoints, then the UI's files."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from tradewind.clock import Clock
from tradewind.config import Config
from tradewind.store.connect import Database
from tradewind.store.signal import Signal
from tradewind.web import screens
from tradewind.web.api import (
    asset_changes,
    assets,
    backfills,
    connection_tests,
    connections,
    dag_contents,
    dag_parsing,
    dag_runs,
    dags,
    deadlines,
    event_logs,
    extra_links,
    hitl,
    import_errors,
    jobs,
    logs,
    metrics,
    monitor,
    plugins,
    pools,
    run_bulk,
    run_wait,
    states,
    task_bulk,
    task_changes,
    task_instances,
    variables,
    xcoms,
)
from tradewind.web.api import (
    config as config_api,
)
from tradewind.web.auth import routes as auth
from tradewind.web.auth import sessions, users
from tradewind.web.auth.identify import Identifier
from tradewind.web.auth.signing import SigningKey
from tradewind.web.auth.tokens import Tokens
from tradewind.web.endpoint import Endpoint, check_table, to_route
from tradewind.web.limits import Limits
from tradewind.web.oidc.provider import Provider, provider_of
from tradewind.web.oidc.routes import oidc_routes
from tradewind.web.openapi import document_routes
from tradewind.web.pages import page_routes
from tradewind.web.refusals import json
from tradewind.web.site import Site
from tradewind.web.workers.routes import worker_route
from tradewind.wire.remote import PATH

log = logging.getLogger(__name__)

_RESOURCES = (
    monitor.routes,
    metrics.routes,
    auth.routes,
    sessions.routes,
    dags.routes,
    dag_runs.routes,
    task_instances.routes,
    task_changes.routes,
    hitl.routes,
    deadlines.routes,
    logs.routes,
    xcoms.routes,
    dag_contents.routes,
    variables.routes,
    connections.routes,
    connection_tests.routes,
    pools.routes,
    import_errors.routes,
    event_logs.routes,
    jobs.routes,
    config_api.routes,
    plugins.routes,
    backfills.routes,
    assets.routes,
    asset_changes.routes,
    run_bulk.routes,
    run_wait.routes,
    task_bulk.routes,
    dag_parsing.routes,
    extra_links.routes,
    states.task_routes,
    states.asset_routes,
    users.routes,
)


def make_app(
    config: Config,
    db: Database,
    signal: Signal,
    clock: Clock,
    env: Mapping[str, str] | None = None,
) -> Starlette:
    """Return the application.

    Raises:
        Bug: a route does not say who may call it.
        ConfigError: the identity provider is configured wrongly.
    """
    site = Site(config, db, signal, clock, env)
    key = SigningKey(config.api_auth.signing_key_file)
    identifier = Identifier(site, Tokens(key, clock))
    table = route_table(identifier, provider_of(config, clock))
    check_table(table)
    app = Starlette(
        routes=[
            worker_route(site, key),  # the first: asked most
            *(to_route(site, identifier, endpoint) for endpoint in sorted(table, key=_words_first)),
            *page_routes(),
        ],
        middleware=[
            Middleware(
                Limits,
                max_body_bytes=config.api.max_body_bytes,
                larger={PATH: config.api.max_worker_body_bytes},
                clock=clock,
                secure=site.is_secure,
            )
        ],
        exception_handlers={HTTPException: _plain, Exception: _broken},
    )
    app.state.site = site
    return app


def route_table(identifier: Identifier, provider: Provider | None = None) -> list[Endpoint]:
    """Return every endpoint there is."""
    table = [endpoint for routes in _RESOURCES for endpoint in routes.endpoints]
    table += auth.token_routes(identifier).endpoints
    table += oidc_routes(provider, identifier.tokens.key).endpoints
    table += screens.ENDPOINTS
    table += document_routes(table).endpoints
    return table


def _words_first(endpoint: Endpoint) -> list[tuple[bool, str]]:
    """Order paths so that a word is looked for before a parameter takes it."""
    parts = endpoint.path.split("/")
    return [(part.startswith("{"), "" if part.startswith("{") else part) for part in parts]


async def _plain(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = json({"detail": error.detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return json({"detail": "internal error; the server's log has it"}, 500)
