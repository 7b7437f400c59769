"""Every route × every kind of caller × an object that may and one that may not be seen (S10).

The table of what each access means is small and written out here; the routes are the server's
own, so that a new route is part of the matrix from its first day.
"""

from __future__ import annotations

import re

import pytest

from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.web.access import Access
from tradewind.web.app import route_table
from tradewind.web.auth.identify import Identifier
from tradewind.web.auth.signing import SigningKey
from tradewind.web.auth.tokens import Tokens
from tradewind.web.endpoint import Endpoint
from tradewind.web.site import Site

# A caller's name: how they may use a route of each access, for a DAG that they may see.
# "in": the request gets past the gate (whatever it then comes to: 200, 404, 422, …).
EXPECTED: dict[Access, dict[str, int | str]] = {
    Access.PUBLIC: {"nobody": "in", "viewer": "in", "user": "in", "op": "in", "admin": "in"},
    Access.SIGNED_IN: {"nobody": 401, "viewer": "in", "user": "in", "op": "in", "admin": "in"},
    Access.VIEW: {"nobody": 401, "viewer": "in", "user": "in", "op": "in", "admin": "in"},
    Access.DAG_READ: {"nobody": 401, "viewer": "in", "user": "in", "op": "in", "admin": "in"},
    Access.DAG_EDIT: {"nobody": 401, "viewer": 403, "user": "in", "op": "in", "admin": "in"},
    Access.OP: {"nobody": 401, "viewer": 403, "user": 403, "op": "in", "admin": "in"},
    Access.ADMIN: {"nobody": 401, "viewer": 403, "user": 403, "op": 403, "admin": "in"},
}
_CLOSED = frozenset({"get_config", "get_config_value", "get_connection_test"})
_TAKES_NO_BODY = frozenset({"DELETE", "PUT"})
_ENDS_SESSIONS = frozenset({"end_sessions", "sign_out", "change_password"})


def endpoints(world: World) -> list[Endpoint]:
    site = Site(world.config, world.db, None, world.clock)  # type: ignore[arg-type]
    identifier = Identifier(site, Tokens(SigningKey(world.home / "key"), world.clock))
    return [e for e in route_table(identifier) if e.operation_id not in _ENDS_SESSIONS]


def target(endpoint: Endpoint, dag_id: str) -> str:
    """Fill in the path: ids that exist where that is known and nothing is lost by it."""
    run_id = "absent" if endpoint.method in _TAKES_NO_BODY else "r1"
    known = {"dag_id": dag_id, "dag_run_id": run_id, "task_id": "b", "try_number": "1"}

    def fill(match: re.Match[str]) -> str:
        name = match[1].removesuffix(":path")
        return known.get(name, "0")

    return re.sub(r"\{([^}]+)\}", fill, endpoint.path)


def send(client: Client, endpoint: Endpoint, dag_id: str) -> int:
    # A body that no endpoint takes: what gets past the gate changes nothing.
    # (A DAG with a live run cannot be deleted.)
    body = b"!" if endpoint.method not in {"GET", "DELETE"} else None
    return client.send(endpoint.method, target(endpoint, dag_id), body).status


@pytest.fixture
def people(world: World, past: History) -> dict[str, Client]:
    dags = {"etl": True}
    return {
        "nobody": world.anybody(),
        "viewer": world.person("vi", Role.VIEWER, dags),
        "user": world.person("us", Role.USER, dags),
        "op": world.person("op", Role.OP, dags),
        "admin": world.person("ad", Role.ADMIN),
    }


@pytest.mark.timeout(300)
def test_every_route_lets_in_whom_its_access_says(world: World, people: dict[str, Client]) -> None:
    wrong = []
    for endpoint in endpoints(world):
        assert endpoint.access is not None
        for who, client in people.items():
            status = send(client, endpoint, "etl")
            wanted = EXPECTED[endpoint.access][who]
            refused = status in {401, 403} and endpoint.access is not Access.PUBLIC
            # A setting may close a route for everybody: that is a 403 with another reason.
            closed = endpoint.operation_id in _CLOSED
            if status == 500 or (status != wanted if wanted != "in" else refused and not closed):
                wrong.append((who, endpoint.method, endpoint.path, status))
    assert wrong == []


@pytest.mark.timeout(300)
def test_a_dag_that_may_not_be_seen_is_as_one_that_is_not_there(
    world: World, people: dict[str, Client]
) -> None:
    wrong = []
    for endpoint in endpoints(world):
        if "{dag_id}" not in endpoint.path:
            continue
        for who in ("viewer", "user", "op"):
            assert endpoint.access is not None
            wanted = EXPECTED[endpoint.access][who]
            status = send(people[who], endpoint, "other")
            if status != (404 if wanted == "in" else wanted):
                wrong.append((who, endpoint.method, endpoint.path, status))
    assert wrong == []
    assert people["admin"].get("/api/v2/dags/other/dagRuns/r1").status == 200


@pytest.mark.timeout(300)
def test_no_list_holds_anything_of_a_dag_that_may_not_be_seen(
    world: World, people: dict[str, Client]
) -> None:
    people["admin"].patch("/api/v2/dags/other", {"is_paused": False})
    people["admin"].post("/api/v2/dags/other/dagRuns", {"logical_date": None, "note": "hidden"})
    leaks = []
    for endpoint in endpoints(world):
        if endpoint.method != "GET" or endpoint.access in {Access.PUBLIC, Access.ADMIN}:
            continue
        path = target(endpoint, "~").replace("r1", "~").replace("/b/", "/~/")
        answer = people["op"].get(path)
        if answer.status == 200 and re.search(r'"other"|The other|hidden', answer.text):
            leaks.append(path)
    assert leaks == []
