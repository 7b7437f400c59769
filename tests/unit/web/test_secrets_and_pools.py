"""Variables, connections, pools: one by one and in bulk, and no secret ever comes out (S12)."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.unit.web import official as official_client
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store import audit, connection_tests
from tradewind.store.connect import Database
from tradewind.web.api.connection_tests import CUT_OFF, MOST_AT_ONCE

CANARY = "canary-93271"


def everything_shown(admin: Client, world: World) -> str:
    """Return all that could show a secret."""
    paths = ("variables", "connections", "eventLogs", "pools", "config")
    shown = "".join(admin.get(f"/api/v2/{path}").text for path in paths)
    return shown + str(audit.entries(world.db, limit=1000))


def test_the_official_client_keeps_variables(api: ApiClient, world: World, admin: Client) -> None:
    variables = official.VariableApi(api)
    made = variables.post_variable(official.VariableBody(key="region", value="eu", description="d"))
    assert (made.key, made.value, made.description) == ("region", "eu", "d")
    variables.post_variable(official.VariableBody(key="limits", value={"rows": 5}))
    assert variables.get_variable("limits").value == '{"rows":5}'
    found = variables.get_variables(order_by=["-key"])
    assert ([v.key for v in found.variables], found.total_entries) == (["region", "limits"], 2)
    assert [v.key for v in variables.get_variables(variable_key_pattern="REG").variables] == [
        "region"
    ]
    changed = variables.patch_variable("region", official.VariableBody(key="region", value="us"))
    assert (changed.value, changed.description) == ("us", "d")
    variables.delete_variable("region")
    with pytest.raises(ApiException) as caught:
        variables.get_variable("region")
    assert caught.value.status == 404
    assert admin.post("/api/v2/variables", {"key": "limits", "value": "1"}).status == 409
    assert admin.get("/api/v2/variables?order_by=value").status == 400
    events = {e.action for e in audit.entries(world.db)[0]}
    assert {"post_variable", "patch_variable", "delete_variable"} <= events


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("db_password", CANARY),
        ("settings", json.dumps({"a": {"b": [{"api_key": CANARY}]}})),
        ("settings2", {"token": CANARY, "list": [{"secret": CANARY}]}),
        ("team/api_key", CANARY),
    ],
)
def test_a_secret_value_goes_in_and_never_comes_out(
    admin: Client, world: World, key: str, value: Any
) -> None:
    answers = [
        admin.post("/api/v2/variables", {"key": key, "value": value}).text,
        admin.get(f"/api/v2/variables/{key}").text,
        admin.send("PATCH", f"/api/v2/variables/{key}", {"key": key, "value": value}).text,
        everything_shown(admin, world),
    ]
    assert CANARY not in "".join(answers)
    stored = world_value(world, key)
    assert CANARY in stored
    # What came out hidden and goes in again changes nothing.
    shown = admin.get(f"/api/v2/variables/{key}").json["value"]
    assert admin.patch(f"/api/v2/variables/{key}", {"key": key, "value": shown}).status == 200
    assert json_or_text(world_value(world, key)) == json_or_text(stored)


def json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def world_value(world: World, key: str) -> str:
    from tradewind.store.secrets import configured_keys, open_secrets  # noqa: PLC0415

    return open_secrets(world.db, configured_keys(world.config), {}).variable(key).value


def test_the_official_client_keeps_connections(api: ApiClient, admin: Client, world: World) -> None:
    connections = official.ConnectionApi(api)
    body = official.ConnectionBody(
        connection_id="warehouse",
        conn_type="postgres",
        host="db.example",
        login="ann",
        password=CANARY,
        port=5432,
        extra=json.dumps({"sslmode": "require", "private_key": CANARY}),
    )
    made = connections.post_connection(body)
    assert (made.host, made.port, made.password) == ("db.example", 5432, "***")
    assert json.loads(made.extra or "") == {"sslmode": "require", "private_key": "***"}
    assert connections.get_connections().total_entries == 1
    assert connections.get_connections(connection_id_pattern="x").connections == []
    # A page that edits sends back what it was shown.
    shown = official.ConnectionBody(**made.to_dict() | {"host": "db2.example"})
    assert connections.patch_connection("warehouse", shown).host == "db2.example"
    kept = stored_connection(world, "warehouse")
    assert (kept.password, kept.host) == (CANARY, "db2.example")
    assert json.loads(kept.extra or "")["private_key"] == CANARY
    only = official.ConnectionBody(connection_id="warehouse", conn_type="mysql", login="bob")
    changed = connections.patch_connection("warehouse", only, update_mask=["login"])
    assert (changed.login, changed.conn_type, changed.host) == ("bob", "postgres", "db2.example")
    assert CANARY not in everything_shown(admin, world)
    assert admin.post("/api/v2/connections/test", body.to_dict()).status == 403
    connections.delete_connection("warehouse")
    assert admin.delete("/api/v2/connections/warehouse").status == 404


def test_a_connection_is_tested_where_that_is_enabled(lite: Database, tmp_path: Path) -> None:
    world = World(lite, tmp_path, core__test_connection="Enabled")
    admin = world.person("ada", Role.ADMIN)
    api = official.ConnectionApi(official_client.api(admin))

    def tested(**fields: str | int) -> tuple[bool, str]:
        body = {"connection_id": "files", "conn_type": "fs", **fields}
        found = api.test_connection(official.ConnectionBody.from_dict(body))  # type: ignore[arg-type]
        return found.status, found.message

    assert tested(extra=json.dumps({"path": str(tmp_path)})) == (True, "*** exists")
    assert tested(extra=json.dumps({"path": f"/{CANARY}"})) == (False, "*** does not exist")
    assert tested() == (False, "the connection's extra has no path")
    works, message = tested(conn_type="unheard")
    assert not works
    assert "no hook is known for the type 'unheard'" in message
    assert world.person("uma", Role.USER).post("/api/v2/connections/test", {}).status == 403
    (entry, *_), _ = audit.entries(world.db, action="test_connection")
    assert entry.details["after"] == {"connection_id": "files", "works": False}


def test_a_stored_password_is_tested_only_where_it_belongs(lite: Database, tmp_path: Path) -> None:
    world = World(lite, tmp_path, core__test_connection="Enabled")
    admin = world.person("ada", Role.ADMIN)
    stored = {"connection_id": "files", "conn_type": "fs", "host": "db", "password": CANARY}
    stored["extra"] = json.dumps({"path": str(tmp_path), "secret_token": CANARY})
    assert admin.post("/api/v2/connections", stored).status == 201
    shown = admin.get("/api/v2/connections/files").json
    assert shown["password"] == "***"
    url = "/api/v2/connections/test"
    assert admin.post(url, shown).json["status"] is True
    for changed in ({"host": "evil"}, {"conn_type": "http"}, {"login": "x"}, {"port": 1}):
        refused = admin.post(url, shown | changed)
        assert (refused.status, refused.detail[0]["loc"]) == (422, ["body", "password"])
    elsewhere = shown | {"password": None, "host": "evil"}
    assert admin.post(url, elsewhere).status == 422


def test_who_does_not_want_to_wait_asks_later(lite: Database, tmp_path: Path) -> None:
    world = World(lite, tmp_path, core__test_connection="Enabled")
    admin = world.person("ada", Role.ADMIN)
    api = official.ConnectionApi(official_client.api(admin))
    extra = json.dumps({"path": str(tmp_path), "secret_token": CANARY})
    body = official.ConnectionTestRequestBody(
        connection_id="files", conn_type="fs", extra=extra, commit_on_success=True
    )
    queued = api.enqueue_connection_test(body)
    assert (queued.connection_id, queued.state) == ("files", "running")
    for thread in threading.enumerate():
        if thread.name == "connection-test":
            thread.join(60)
    found = api.get_connection_test(queued.token)
    assert (found.state, found.result_message) == ("success", "*** exists")
    assert json.loads(stored_connection(world, "files").extra or "") == json.loads(extra)
    with pytest.raises(ApiException) as caught:
        api.get_connection_test("x")
    assert caught.value.status == 404
    url = "/api/v2/connections/enqueue-test"
    assert admin.get(url).detail[0]["loc"][0] == "header"
    there = admin.post(url, body.to_dict() | {"queue": "q"})
    assert (there.status, there.detail[0]["loc"]) == (422, ["body", "queue"])
    shown = admin.get("/api/v2/connections/files").json
    assert admin.post(url, shown | {"host": "evil"}).status == 422


def test_a_test_whose_server_died_has_failed(lite: Database, tmp_path: Path) -> None:
    world = World(lite, tmp_path, core__test_connection="Enabled")
    admin = world.person("ada", Role.ADMIN)
    url = "/api/v2/connections/enqueue-test"
    with lite.write() as conn:
        for number in range(MOST_AT_ONCE):
            connection_tests.begin(conn, f"t{number}", "files", world.clock.now())
    body = {"connection_id": "files", "conn_type": "fs"}
    assert admin.post(url, body).status == 409
    token = {"airflow-connection-test-token": "t0"}
    assert admin.get(url, **token).json["state"] == "running"
    world.clock.at += CUT_OFF + timedelta(seconds=1)
    cut_off = admin.get(url, **token).json
    assert (cut_off["state"], "is gone" in cut_off["result_message"]) == ("failed", True)
    assert World(lite, tmp_path).token("ada").get(url, **token).status == 403


def stored_connection(world: World, conn_id: str) -> Any:
    from tradewind.store.secrets import configured_keys, open_secrets  # noqa: PLC0415

    return open_secrets(world.db, configured_keys(world.config), {}).connection(conn_id)


@pytest.mark.parametrize(
    "change",
    [
        {"connection_id": "../x"},
        {"connection_id": ""},
        {"port": "5432"},
        {"port": 2**40},
        {"extra": "no json"},
        {"extra": "[1]"},
        {"is_encrypted": True},
    ],
)
def test_a_connection_that_does_not_fit_is_refused(admin: Client, change: dict[str, Any]) -> None:
    body = {"connection_id": "c", "conn_type": "http"} | change
    assert admin.post("/api/v2/connections", body).status == 422


def test_the_official_client_keeps_pools(api: ApiClient, admin: Client, world: World) -> None:
    pools = official.PoolApi(api)
    made = pools.post_pool(official.PoolBody(name="gpu/1", slots=2, description="cards"))
    assert (made.name, made.slots, made.open_slots, made.occupied_slots) == ("gpu/1", 2, 2, 0)
    assert [p.name for p in pools.get_pools().pools] == ["default_pool", "gpu/1"]
    assert [p.name for p in pools.get_pools(pool_name_pattern="GPU").pools] == ["gpu/1"]
    changed = pools.patch_pool("gpu/1", official.PoolPatchBody(slots=-1))
    assert (changed.slots, changed.open_slots, changed.description) == (-1, -1, "cards")
    pools.delete_pool("gpu/1")
    for method, name, status in (("GET", "gpu/1", 404), ("DELETE", "default_pool", 400)):
        assert admin.send(method, f"/api/v2/pools/{name}").status == status
    assert admin.post("/api/v2/pools", {"name": "p", "slots": 2**40}).status == 422
    assert admin.post("/api/v2/pools", {"name": "p", "slots": -2}).status == 422
    (entry,), _ = audit.entries(world.db, action="patch_pool")
    assert (entry.details["before"]["slots"], entry.details["after"]["slots"]) == (2, -1)


def test_bulk_changes_succeed_or_fail_one_by_one(api: ApiClient, admin: Client) -> None:
    body = {
        "actions": [
            {
                "action": "create",
                "entities": [{"name": "a", "slots": 1}, {"name": "default_pool", "slots": 1}],
            },
            {
                "action": "create",
                "entities": [{"name": "a", "slots": 5}],
                "action_on_existence": "skip",
            },
            {"action": "update", "entities": [{"name": "a", "slots": 9}]},
            {"action": "update", "entities": [{"name": "nothing", "slots": 9}]},
            {
                "action": "delete",
                "entities": ["a", "nothing"],
                "action_on_non_existence": "skip",
            },
        ]
    }
    done = official.PoolApi(api).bulk_pools(official.BulkBodyPoolBody.from_dict(body))  # type: ignore[arg-type]
    assert done.create is not None
    assert done.create.success == ["a"]
    assert [e["status_code"] for e in done.create.errors or []] == [409]
    assert done.update is not None
    assert done.update.success == ["a"]
    assert [e["status_code"] for e in done.update.errors or []] == [404]
    assert done.delete is not None
    assert (done.delete.success, done.delete.errors) == (["a"], [])
    secret = {
        "actions": [
            {"action": "create", "entities": [{"key": "my_token", "value": CANARY}]},
            {"action": "update", "entities": [{"key": "my_token", "value": CANARY}]},
        ]
    }
    answer = admin.patch("/api/v2/variables", secret)
    assert answer.json["update"]["success"] == ["my_token"]
    assert CANARY not in answer.text
    assert CANARY not in admin.get("/api/v2/eventLogs").text
    assert admin.patch("/api/v2/variables", {"actions": [{"action": "explode"}]}).status == 422
