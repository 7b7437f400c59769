"""What programs keep between runs, and links to other systems."""

from __future__ import annotations

import json
from datetime import timedelta

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.conformance.store_world import Leader, a_run
from tests.unit.actions.catalog import NOW, dag, published
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.model.schedule import AssetLeaf, AssetTriggered
from tradewind.model.spec import AssetRef, TaskSpec
from tradewind.store import xcoms
from tradewind.store.read import scheduling
from tradewind.store.turn import AssetEventWrite

TASK = "/api/v2/dags/etl/dagRuns/r1/taskInstances/b"
WHERE = ("etl", "r1", "b")
M = ("etl", "r1", "m")


# ---- of task instances ----------------------------------------------------------------------


def test_the_official_client_keeps_states_of_tasks(
    world: World, api: ApiClient, past: History, admin: Client
) -> None:
    store = official.TaskStateStoreApi(api)
    store.set_task_state_store("job/id", *WHERE, official.TaskStateStoreBody(value={"n": [1]}))
    kept = store.get_task_state_store("job/id", *WHERE)
    assert (kept.key, kept.value, kept.expires_at) == ("job/id", {"n": [1]}, None)
    later = world.clock.now() + timedelta(hours=1)
    body = {"value": 1, "expires_at": later.isoformat()}
    assert admin.send("PUT", f"{TASK}/state-store/soon", body).status == 204
    store.patch_task_state_store("soon", *WHERE, official.TaskStateStorePatchBody(value=2))
    soon = store.get_task_state_store("soon", *WHERE)
    assert (soon.value, soon.expires_at) == (2, later)
    listed = store.list_task_state_store(*WHERE, limit=1)
    assert ([s.key for s in listed.task_state_store], listed.total_entries) == (["job/id"], 2)
    world.clock.at = later
    assert store.list_task_state_store(*WHERE).total_entries == 1
    assert admin.get(f"{TASK}/state-store/soon").status == 404
    store.delete_task_state_store("job/id", *WHERE)
    for gone in (store.get_task_state_store, store.delete_task_state_store):
        with pytest.raises(ApiException) as caught:
            gone("job/id", *WHERE)
        assert caught.value.status == 404


def test_a_state_is_of_one_instance(api: ApiClient, past: History) -> None:
    store = official.TaskStateStoreApi(api)
    body = official.TaskStateStoreBody(value="x")
    for index in range(2):
        store.set_task_state_store("k", *M, body, map_index=index)
    store.clear_task_state_store(*M, map_index=0)
    counts = [store.list_task_state_store(*M, map_index=i).total_entries for i in range(2)]
    assert counts == [0, 1]
    store.clear_task_state_store(*M, all_map_indices=True)
    assert store.list_task_state_store(*M, map_index=1).total_entries == 0
    with pytest.raises(ApiException) as caught:
        store.set_task_state_store("k", *M, body, map_index=7)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "value"]),
        ({"value": 1, "expires_at": "tomorrow"}, ["body", "expires_at"]),
        ({"value": 1, "expires_at": "2026-03-10T00:00:00"}, ["body", "expires_at"]),
    ],
)
def test_what_does_not_fit_names_the_field(
    admin: Client, past: History, body: object, loc: list[str]
) -> None:
    refused = admin.send("PUT", f"{TASK}/state-store/k", body)
    assert (refused.status, refused.detail[0]["loc"]) == (422, loc)
    assert admin.send("PUT", f"{TASK}/state-store/{'k' * 251}", {"value": 1}).status == 422


# ---- of assets ------------------------------------------------------------------------------


@pytest.fixture
def asset_id(world: World, past: History) -> int:
    """The asset that maker makes and taker waits for."""
    made = TaskSpec(task_id="make", outlets=(AssetRef(name="sales", uri="s3://sales"),))
    waits = AssetTriggered(condition=AssetLeaf(name="sales", uri="s3://sales"))
    published(world.db, dag("maker", tasks=(made,)), dag("taker", schedule=waits), file="assets.py")
    event = AssetEventWrite(name="sales", uri="s3://sales", at=NOW)
    Leader(world.db).apply(asset_events=[event])
    return 1


def test_the_official_client_keeps_states_of_assets(api: ApiClient, asset_id: int) -> None:
    store = official.AssetStateStoreApi(api)
    store.set_asset_state_store("seen", asset_id, official.AssetStateStoreBody(value=[1]))
    store.set_asset_state_store("seen", asset_id, official.AssetStateStoreBody(value=[1, 2]))
    kept = store.get_asset_state_store("seen", asset_id)
    assert kept.value == [1, 2]
    assert kept.last_updated_by is not None
    assert kept.last_updated_by.kind.value == "api"
    store.set_asset_state_store("more", asset_id, official.AssetStateStoreBody(value=None))
    assert store.list_asset_state_store(asset_id).total_entries == 2
    store.delete_asset_state_store("seen", asset_id)
    store.clear_asset_state_store(asset_id)
    assert store.list_asset_state_store(asset_id).total_entries == 0


def test_changing_it_takes_the_right_to_edit_all_that_name_the_asset(
    world: World, admin: Client, asset_id: int, narrow: Client
) -> None:
    url = f"/api/v2/assets/{asset_id}/state-store"
    assert admin.send("PUT", f"{url}/k", {"value": 1}).status == 204
    maker = world.person("mia", Role.USER, {"maker": True})
    assert maker.get(f"{url}/k").json["value"] == 1
    for method, path, body in (
        ("PUT", f"{url}/k", {"value": 2}),
        ("DELETE", f"{url}/k", None),
        ("DELETE", url, None),
    ):
        assert maker.send(method, path, body).status == 403
        assert narrow.send(method, path, body).status == 404
    assert admin.get(f"{url}/k").json["value"] == 1


# ---- links ----------------------------------------------------------------------------------


def test_links_are_those_of_the_task_that_a_browser_may_follow(
    world: World, api: ApiClient, past: History
) -> None:
    linked = ("Docs", "Job", "Bad", "Odd")
    published(world.db, dag("linked", tasks=(TaskSpec(task_id="t", extra_links=linked),)))
    version = scheduling.latest_version(world.db, "linked")
    assert version is not None
    leader = Leader(world.db)
    run = leader.start_run(a_run("r1", "linked", version_id=version.version_id))
    ti = leader.create(run, "t").key
    for key, value in (
        ("_link_Docs", "https://docs.example/a?b=c"),
        ("_link_Bad", "javascript:alert(1)"),
        ("_link_Odd", ["https://docs.example"]),
        ("_link_Unknown", "https://elsewhere.example"),
    ):
        xcoms.put_by_hand(world.db, ti, key, json.dumps(value).encode(), NOW)
    found = official.TaskInstanceApi(api).get_extra_links("linked", "r1", "t")
    assert found.extra_links == {"Docs": "https://docs.example/a?b=c"}
    assert found.total_entries == 1
    assert official.ExtraLinksApi(api).get_extra_links("etl", "r1", "b").total_entries == 0
