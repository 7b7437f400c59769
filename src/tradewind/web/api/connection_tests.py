"""Try connections with their hooks, in processes of their own: at once, or while somebody asks."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime, timedelta

from tradewind.actions.connection_test import MOST_S, Tried, try_connection
from tradewind.errors import Conflict, NotFound
from tradewind.store import connection_tests
from tradewind.store.connections import ConnectionValue
from tradewind.web.access import Access, Forbidden
from tradewind.web.api.connections import ConnectionBody, as_meant
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Shape
from tradewind.web.site import Site

routes = Routes("Connection")
_ALL = "/api/v2/connections"
_ENABLED = "Enabled"
HEADER = "airflow-connection-test-token"
"""Airflow's name of the header that names a test."""
MOST_AT_ONCE = 8
"""Tests of all API servers together: each is a process."""
CUT_OFF = timedelta(seconds=2 * MOST_S)
"""A test that has not ended by then never will: its server is gone."""


class TestRequestBody(ConnectionBody, kw_only=True):
    """A connection to try. commit_on_success: whether it is kept when it works."""

    commit_on_success: bool = False
    executor: str | None = None
    queue: str | None = None


class ConnectionTestResponse(Shape):
    """Whether a connection works, and what its hook said."""

    status: bool
    message: str


class ConnectionTestQueuedResponse(Shape):
    """A test that has begun. token: names it in the header of the question how it went."""

    token: str
    connection_id: str
    state: str


class AsyncConnectionTestResponse(Shape):
    """A test: running, success or failed."""

    token: str
    connection_id: str
    state: str
    result_message: str | None
    created_at: datetime


@routes.post(f"{_ALL}/test", Access.OP)
def test_connection(call: Call[None, ConnectionBody]) -> ConnectionTestResponse:
    """Try a connection; what is hidden is as stored."""
    _must_be_enabled(call.site)
    value = _meant(call.site, call.body)
    tried = try_connection(value, call.site.env)
    call.audit(after={"connection_id": value.conn_id, "works": tried.works})
    return ConnectionTestResponse(status=tried.works, message=tried.message)


@routes.post(f"{_ALL}/enqueue-test", Access.OP, status=202)
def enqueue_connection_test(call: Call[None, TestRequestBody]) -> ConnectionTestQueuedResponse:
    """Try a connection and answer before it is known; `get_connection_test` tells how it went."""
    site, body = call.site, call.body
    _must_be_enabled(site)
    for name in ("executor", "queue"):
        if getattr(body, name) is not None:
            raise invalid(name, "tests run beside the API server: leave it out")
    value, token, now = _meant(call.site, call.body), secrets.token_urlsafe(24), site.clock.now()
    with site.db.write() as conn:
        if connection_tests.pending(conn, now - CUT_OFF) >= MOST_AT_ONCE:
            raise Conflict(f"{MOST_AT_ONCE} connections are being tested; wait for one to end")
        connection_tests.begin(conn, token, value.conn_id, now)
    call.audit(after={"connection_id": value.conn_id, "commit_on_success": body.commit_on_success})
    threading.Thread(
        target=_carry_out,
        args=(site, token, value),
        kwargs={"keep": body.commit_on_success},
        name="connection-test",
        daemon=True,
    ).start()
    return ConnectionTestQueuedResponse(token=token, connection_id=value.conn_id, state="running")


@routes.get(f"{_ALL}/enqueue-test", Access.OP)
def get_connection_test(call: Call[None, None]) -> AsyncConnectionTestResponse:
    """Return how the test went that the header Airflow-Connection-Test-Token names."""
    _must_be_enabled(call.site)
    token = call.request.headers.get(HEADER)
    if token is None:
        raise invalid(HEADER, "names the test; it is missing", where="header")
    found = connection_tests.find(call.site.db, token)
    if found is None:
        raise NotFound("there is no test of this token; tests are kept for an hour")
    works, message = found.works, found.message
    if works is None and call.site.clock.now() - found.at > CUT_OFF:
        works, message = False, "the API server that tested it is gone; test it again"
    return AsyncConnectionTestResponse(
        token=token,
        connection_id=found.conn_id,
        state={None: "running", True: "success", False: "failed"}[works],
        result_message=message,
        created_at=found.at,
    )


def _carry_out(site: Site, token: str, value: ConnectionValue, *, keep: bool) -> None:
    tried = Tried(works=False, message="the test failed; the API server's log says why")
    try:
        tried = try_connection(value, site.env)
        if keep and tried.works:
            site.secrets.set_connection(value)
    finally:
        with site.db.write() as conn:
            connection_tests.finish(conn, token, tried.message, works=tried.works)


def _must_be_enabled(site: Site) -> None:
    if site.config.core.test_connection != _ENABLED:
        raise Forbidden(
            "Testing connections is disabled: set core.test_connection to Enabled on the API server"
        )


def _meant(site: Site, body: ConnectionBody) -> ConnectionValue:
    try:
        old = site.secrets.connection(body.connection_id)
    except NotFound:
        old = ConnectionValue(conn_id="")
    return as_meant(body, old)
