"""What holds for every route: a declared access, a bounded body, errors in one shape."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.unit.actions.catalog import NOW
from tests.unit.web.world import Client, World
from tradewind.errors import Bug
from tradewind.model.account import Role
from tradewind.store import audit, components
from tradewind.store.connect import Database, open_database
from tradewind.web.access import Access
from tradewind.web.app import route_table
from tradewind.web.auth.identify import Identifier
from tradewind.web.auth.signing import SigningKey
from tradewind.web.auth.tokens import Tokens
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes, check_table
from tradewind.web.service import listen
from tradewind.web.site import Site


def test_a_route_without_an_access_stops_the_start() -> None:
    routes = Routes("Test")

    @routes.get("/naked", None)  # type: ignore[arg-type]
    def naked(call: Call[None, None]) -> None:
        """Tell everybody everything."""

    with pytest.raises(Bug, match="GET /naked declares no access"):
        check_table(routes.endpoints)


def test_two_routes_of_the_same_path_stop_the_start() -> None:
    routes = Routes("Test")
    for _ in range(2):

        @routes.get("/same", Access.PUBLIC)
        def same(call: Call[None, None]) -> None:
            """Answer."""

    with pytest.raises(Bug, match="declared twice"):
        check_table(routes.endpoints)


def test_only_these_routes_are_open_to_anybody(world: World) -> None:
    site = Site(world.config, world.db, None, world.clock)  # type: ignore[arg-type]
    identifier = Identifier(site, Tokens(SigningKey(world.home / "key"), world.clock))
    public = {f"{e.method} {e.path}" for e in route_table(identifier) if e.access is Access.PUBLIC}
    assert public == {
        "GET /api/v2/auth/login",
        "GET /api/v2/auth/logout",
        "GET /api/v2/monitor/health",
        "GET /api/v2/version",
        "GET /auth/methods",
        "GET /auth/oidc/callback",
        "GET /auth/oidc/login",
        "GET /docs",
        "GET /health",
        "GET /livez",
        "GET /metrics",
        "GET /openapi.json",
        "GET /readyz",
        "POST /auth/login",
        "POST /auth/token",
        "POST /auth/token/cli",
    }


def test_health_has_airflows_shape(world: World) -> None:
    components.register(world.db, "scheduler", NOW - timedelta(seconds=5))
    components.register(world.db, "dag_processor", NOW - timedelta(seconds=31))
    answer = world.anybody().get("/api/v2/monitor/health")
    assert answer.json == {
        "metadatabase": {"status": "healthy"},
        "scheduler": {
            "status": "healthy",
            "latest_scheduler_heartbeat": "2026-03-10T11:59:55Z",
        },
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        "dag_processor": {
            "status": "unhealthy",
            "latest_dag_processor_heartbeat": "2026-03-10T11:59:29Z",
        },
        "executors": {},
    }
    assert world.anybody().get("/health").json == answer.json
    assert world.anybody().get("/readyz").status == 503


def test_health_names_what_keeps_an_executor_from_its_work(world: World) -> None:
    viewer = world.person("vic", Role.VIEWER)

    def executors(who: Client = viewer) -> object:
        return who.get("/health").json["executors"]

    told = {"LocalExecutor": {}, "CeleryExecutor": {"redis://broker": "connection refused"}}
    part = components.register(world.db, "scheduler", NOW)
    components.beat(world.db, part, NOW, told)
    assert executors() == {
        "LocalExecutor": {"status": "healthy", "troubles": {}},
        "CeleryExecutor": {
            "status": "unhealthy",
            "troubles": {"redis://broker": "connection refused"},
        },
    }
    # Reasons name addresses and accounts: who has not signed in learns none.
    hidden = {"LocalExecutor": {"status": "healthy"}, "CeleryExecutor": {"status": "unhealthy"}}
    assert executors(world.anybody()) == hidden
    components.beat(world.db, part, NOW, {"CeleryExecutor": {}})
    assert executors() == {"CeleryExecutor": {"status": "healthy", "troubles": {}}}
    components.stop(world.db, part, NOW)  # nobody is there to say
    assert executors() == {"CeleryExecutor": {"status": None, "troubles": {}}}


def test_a_broken_database_is_unhealthy(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/empty.db")
    answer = World(db, tmp_path).anybody().get("/health")
    assert answer.json["metadatabase"] == {"status": "unhealthy"}
    db.close()


def test_every_answer_is_protected(world: World) -> None:
    for path in ("/", "/health", "/auth/me", "/api/v2/nothing"):
        headers = world.anybody().get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    lite: Database, tmp_path: Path
) -> None:
    world = World(lite, tmp_path, api__max_body_bytes="100")
    body = b'{"username": "' + b"a" * 200 + b'", "password": "b"}'
    assert world.anybody().post("/auth/token", body).status == 413
    assert (
        world.anybody().post("/auth/token", body, **{"content-length": "1000000000"}).status == 413
    )
    assert world.anybody().post("/auth/token", b"{}", **{"content-length": "x"}).status == 413


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        (b"", ["body"]),
        (b"{", ["body"]),
        (b"[]", ["body"]),
        (b'{"username": "a"}', ["body", "password"]),
        (b'{"username": 1, "password": "x"}', ["body", "username"]),
        (b'{"username": "a", "password": "x", "role": "admin"}', ["body", "role"]),
        (b'{"username": "a\\u0000", "password": "x"}', ["body"]),
        (b'{"username": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", ["body"]),
        (b'{"username": "\xff", "password": "x"}', ["body"]),
    ],
)
def test_a_body_that_does_not_fit_names_the_field(
    world: World, body: bytes, loc: list[str]
) -> None:
    answer = world.anybody().post("/auth/token", body)
    assert answer.status == 422
    assert answer.detail[0]["loc"] == loc
    assert set(answer.detail[0]) == {"loc", "msg", "type", "input"}


def test_errors_of_the_framework_have_the_same_shape(world: World) -> None:
    answer = world.anybody().get("/api/v2/nothing")
    assert (answer.status, answer.json) == (404, {"detail": "Not Found"})
    assert world.anybody().delete("/health").status == 405


def test_nobody_is_told_to_authenticate(world: World) -> None:
    answer = world.anybody().get("/auth/me")
    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_openapi_document_lists_the_routes(world: World) -> None:
    document = world.anybody().get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/api/v2/version"]["get"]["operationId"] == "get_version"
    body = document["paths"]["/auth/token"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/LoginBody"}
    operations = [o["operationId"] for p in document["paths"].values() for o in p.values()]
    assert len(operations) == len(set(operations))
    page = world.anybody().get("/docs")
    assert "/api/v2/version" in page.text
    assert "<script" not in page.text


def test_a_place_inside_the_ui_gets_its_page(world: World) -> None:
    for path in ("/", "/dags/a/runs", "/../../etc/passwd", "/%2e%2e/pyproject.toml"):
        answer = world.anybody().get(path)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "root:" not in answer.text
    assert world.anybody().get("/ui/nothing").status == 404


def test_a_change_is_in_the_audit_log(world: World, admin: Client) -> None:
    assert admin.delete("/auth/sessions").status == 204
    found, _ = audit.entries(world.db, action="end_sessions")
    assert [e.actor for e in found] == ["ada"]


def test_answers_do_not_wait_for_acknowledgements(world: World) -> None:
    """Headers and body are two writes: without this each answer takes 40 ms."""
    config = msgspec.structs.replace(
        world.config, api=msgspec.structs.replace(world.config.api, port=0)
    )
    with listen(config) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
