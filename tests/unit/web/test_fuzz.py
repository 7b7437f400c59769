"""Schemathesis from our own OpenAPI document: no input makes the server fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store.connect import Database, open_database
from tradewind.web.idempotency import KEY_HEADER

_SKIPPED = {"end_sessions", "sign_out", "change_password", "create_token", "create_cli_token"}
"""They end the session that the others need, or take 20 ms of hashing each."""
_KNOWN = {
    "dag_id": ["etl", "etl", "other", "~"],
    "dag_run_id": ["r1", "r1", "~", "\u2603"],
    "task_id": ["a", "b", "m", "~", "x"],
    "map_index": ["0", "-1", "999999999999999999", "x"],
    "try_number": ["1", "0", "-1"],
    "task_try_number": ["1", "9"],
    "pool_name": ["default_pool", "x/y"],
    "xcom_key": ["return_value", "k"],
}
"""Ids that exist, and some that nearly do: what is never found is never tested."""
_CASES = 8
"""For each operation and role: a bounded time with every push."""


@pytest.fixture(
    params=[
        ("viewer", "sqlite_url"),
        ("op", "sqlite_url"),
        pytest.param(("op", "postgres_url"), marks=pytest.mark.postgres),
    ],
    ids=" on ".join,
)
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A role, and the URL of a database: each takes other values than the other."""
    role, kind = request.param
    return role, request.getfixturevalue(kind)


@pytest.fixture
def lite(place: tuple[str, str]) -> Iterator[Database]:
    db = open_database(place[1], durable=False)
    yield db
    db.close()


@pytest.fixture
def somebody(place: tuple[str, str], world: World, past: History) -> Client:
    return world.person("some", Role(place[0]), {"etl": True})


def carry_out(client: Client, case: Any) -> int:
    sent = case.as_transport_kwargs(base_url="http://tradewind.test")
    parts = urlsplit(sent["url"])
    query = urlencode(sent.get("params") or {}, doseq=True)
    body = sent.get("data")
    if "json" in sent:
        body = json.dumps(sent["json"]).encode()
    target = parts.path + (f"?{query}" if query else "")
    headers = {name: text for name, text in (case.headers or {}).items() if name == KEY_HEADER}
    return client.send(case.method, target, body, headers).status


@pytest.mark.timeout(600)
def test_no_input_makes_the_server_fail(world: World, somebody: Client) -> None:
    document = world.anybody().get("/openapi.json").json
    for path in document["paths"].values():
        for described in path.values():
            for parameter in described["parameters"]:
                if parameter["in"] == "path" and parameter["name"] in _KNOWN:
                    parameter["schema"] = {"enum": _KNOWN[parameter["name"]]}
    schema = schemathesis.openapi.from_dict(document)
    operations: list[Any] = [r.ok() for r in schema.get_all_operations()]  # type: ignore[union-attr]
    tried, failed = 0, []
    for operation in operations:
        if operation.definition.raw["operationId"] in _SKIPPED:
            continue

        @settings(
            max_examples=_CASES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            nonlocal tried
            tried += 1
            status = carry_out(somebody, case)
            if status >= 500 and case.path != "/readyz":
                failed.append(f"{case.method} {case.formatted_path} {case.query} {case.body!r}")

        send()
    assert failed == []
    assert tried > 5 * len(operations)
