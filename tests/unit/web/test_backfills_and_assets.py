from __future__ import annotations

from datetime import UTC, datetime

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.conformance.store_world import Leader
from tests.unit.actions.catalog import NOW, dag, drain, published
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.model.schedule import AliasLeaf, AnyOf, AssetLeaf, AssetTriggered
from tradewind.model.spec import AssetRef, TaskSpec
from tradewind.store import catalog
from tradewind.store.backfills import backfill_limits
from tradewind.store.turn import AssetEventWrite

SPAN = {"from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-04T00:00:00Z"}


def test_the_official_client_backfills(api: ApiClient, past: History, admin: Client) -> None:
    backfills = official.BackfillApi(api)
    body = official.BackfillPostBody(
        dag_id="etl",
        from_date=datetime(2026, 3, 1, tzinfo=UTC),
        to_date=datetime(2026, 3, 4, tzinfo=UTC),
        max_active_runs=2,
    )
    dry = backfills.create_backfill_dry_run(body)
    assert [b.logical_date.day for b in dry.backfills if b.logical_date] == [1, 2, 3]
    assert backfills.list_backfills(dag_id="etl").total_entries == 0
    made = backfills.create_backfill(body)
    assert (made.dag_id, made.max_active_runs, made.completed_at) == ("etl", 2, None)
    assert backfills.get_backfill(made.id).id == made.id
    assert backfills.list_backfills(dag_id="etl").total_entries == 1
    assert backfills.list_backfills(dag_id="other").total_entries == 0
    runs = admin.get("/api/v2/dags/etl/dagRuns?run_type=backfill").json
    assert runs["total_entries"] == 3
    with pytest.raises(ApiException) as caught:
        backfills.get_backfill(99)
    assert caught.value.status == 404


def test_a_backfill_is_paused_and_cancelled(
    world: World, api: ApiClient, past: History, narrow: Client, admin: Client
) -> None:
    backfills = official.BackfillApi(api)
    made = backfills.create_backfill(
        official.BackfillPostBody(
            dag_id="etl",
            from_date=datetime(2026, 3, 1, tzinfo=UTC),
            to_date=datetime(2026, 3, 4, tzinfo=UTC),
        )
    )
    drain(world.db)
    assert backfills.pause_backfill(made.id).is_paused
    limits = backfill_limits(world.db, made.id)
    assert limits is not None
    assert limits.paused
    assert not backfills.unpause_backfill(made.id).is_paused
    assert [e.kind for e in drain(world.db)] == ["dag_changed", "dag_changed"]
    cancelled = backfills.cancel_backfill(made.id)
    assert cancelled.completed_at is not None
    told = drain(world.db)
    assert [e.kind for e in told] == ["run_marked"] * 3 + ["dag_changed"]
    assert {e.payload.get("state") for e in told[:3]} == {"failed"}
    for act in (backfills.cancel_backfill, backfills.unpause_backfill):
        with pytest.raises(ApiException) as caught:
            act(made.id)
        assert caught.value.status == 409
    assert admin.send("PUT", "/api/v2/backfills/99/cancel").status == 404
    viewer = world.person("vera", Role.USER, {"etl": False})
    assert viewer.send("PUT", f"/api/v2/backfills/{made.id}/pause").status == 403
    stranger = world.person("stan", Role.USER, {"other": True})
    assert stranger.send("PUT", f"/api/v2/backfills/{made.id}/pause").status == 404


def test_a_backfill_is_decided_on_the_dag_in_the_body(
    narrow: Client, past: History, admin: Client
) -> None:
    for path in ("", "/dry_run"):
        answer = narrow.post(f"/api/v2/backfills{path}", {"dag_id": "other", **SPAN})
        assert answer.status == 404
    assert narrow.post("/api/v2/backfills", {"dag_id": "etl", **SPAN}).status == 200
    backwards = {"dag_id": "etl", "from_date": SPAN["to_date"], "to_date": SPAN["from_date"]}
    assert admin.post("/api/v2/backfills", backwards).status == 400
    assert admin.post("/api/v2/backfills", {"dag_id": "other", **SPAN}).status == 400
    naive = {"dag_id": "etl", "from_date": "2026-03-01T00:00:00", "to_date": SPAN["to_date"]}
    assert admin.post("/api/v2/backfills", naive).status == 422


@pytest.fixture
def with_assets(world: World, past: History) -> World:
    """DAG maker makes the asset sales, DAG taker runs after it or after the alias leads."""
    leaves = (AssetLeaf(name="sales", uri="s3://sales"), AliasLeaf(name="leads"))
    made = TaskSpec(task_id="make", outlets=(AssetRef(name="sales", uri="s3://sales"),))
    published(
        world.db,
        dag("maker", tasks=(made,)),
        dag("taker", schedule=AssetTriggered(condition=AnyOf(of=leaves))),
        file="assets.py",
    )
    for dag_id in ("maker", "taker"):
        with world.db.write() as conn:
            catalog.set_paused(conn, dag_id, NOW, paused=False)
    drain(world.db)
    return world


def test_the_official_client_lists_assets_and_events(
    with_assets: World, api: ApiClient, narrow: Client
) -> None:
    world = with_assets
    event = AssetEventWrite(
        name="sales", uri="s3://sales", at=NOW, extra={"rows": 1}, source_dag_id="maker"
    )
    Leader(world.db).apply(asset_events=[event])
    assets = official.AssetApi(api)
    (found,) = assets.get_assets(name_pattern="SAL").assets
    assert (found.name, found.uri) == ("sales", "s3://sales")
    assert [d.dag_id for d in found.scheduled_dags] == ["taker"]
    assert [(t.dag_id, t.task_id) for t in found.producing_tasks] == [("maker", "make")]
    assert found.last_asset_event is not None
    assert assets.get_asset(found.id).name == "sales"
    (shown,) = assets.get_asset_events(asset_id=found.id).asset_events
    assert (shown.extra, shown.source_dag_id) == ({"rows": 1}, "maker")
    assert assets.get_asset_events(source_dag_id="x").total_entries == 0
    assert narrow.get("/api/v2/assets").json["total_entries"] == 0
    assert narrow.get(f"/api/v2/assets/{found.id}").status == 404
    assert narrow.get("/api/v2/assets/events").json["total_entries"] == 0


def test_the_official_client_tells_of_an_event_by_hand(
    with_assets: World, api: ApiClient, admin: Client
) -> None:
    world, assets = with_assets, official.AssetApi(api)
    (found,) = assets.get_assets().assets
    body = official.CreateAssetEventsBody(asset_id=found.id, extra={"rows": 2})
    event = assets.create_asset_event(body)
    assert (event.asset_id, event.name) == (found.id, "sales")
    assert event.extra == {"rows": 2, "from_rest_api": True}
    assert event.source_dag_id is None
    assert [e.kind for e in drain(world.db)] == ["assets_changed"]
    waiting = assets.get_asset_queued_events(found.id).queued_events
    assert [(w.dag_id, w.asset_id) for w in waiting] == [("taker", found.id)]
    assert admin.post("/api/v2/assets/events", {"asset_id": 99}).status == 404
    assert admin.post("/api/v2/assets/events", {"asset_id": "x"}).status == 422


def test_an_event_takes_the_right_to_run_every_dag_that_waits_for_it(
    with_assets: World, admin: Client
) -> None:
    (found,) = admin.get("/api/v2/assets").json["assets"]
    maker = with_assets.person("mia", Role.USER, {"maker": True})
    both = with_assets.person("ben", Role.USER, {"maker": True, "taker": True})
    body = {"asset_id": found["id"]}
    assert maker.get(f"/api/v2/assets/{found['id']}").status == 200
    assert maker.post("/api/v2/assets/events", body).status == 403
    assert both.post("/api/v2/assets/events", body).status == 200


def test_queues_are_looked_at_and_emptied(
    with_assets: World, api: ApiClient, admin: Client, narrow: Client
) -> None:
    world, assets = with_assets, official.AssetApi(api)
    (found,) = assets.get_assets().assets
    body = official.CreateAssetEventsBody(asset_id=found.id)

    def tell() -> None:
        assets.create_asset_event(body)

    tell()
    tell()
    # Of one asset and DAG there is one entry, as in Airflow.
    assert assets.get_dag_asset_queued_events("taker").total_entries == 1
    assert assets.get_dag_asset_queued_event("taker", found.id).asset_id == found.id
    assert (
        assets.get_asset_queued_events(found.id, before="2020-01-01T00:00:00Z").total_entries == 0
    )
    url = f"/api/v2/assets/{found.id}/queuedEvents"
    assert narrow.get(url).status == 404
    assert admin.delete(f"{url}?before=2020-01-01T00:00:00Z").status == 404
    assets.delete_asset_queued_events(found.id)
    assert assets.get_asset_queued_events(found.id).total_entries == 0
    tell()
    assets.delete_dag_asset_queued_events("taker")
    tell()
    assets.delete_dag_asset_queued_event("taker", found.id)
    with pytest.raises(ApiException) as caught:
        assets.get_dag_asset_queued_event("taker", found.id)
    assert caught.value.status == 404
    tell()
    reader = world.person("rita", Role.USER, {"taker": False, "maker": True})
    assert reader.delete(url).status == 404
    assert reader.delete("/api/v2/dags/taker/assets/queuedEvents").status == 403
    assert assets.get_asset_queued_events(found.id).total_entries == 1


def test_the_official_client_has_an_asset_made(with_assets: World, api: ApiClient) -> None:
    assets = official.AssetApi(api)
    (found,) = assets.get_assets().assets
    body = official.MaterializeAssetBody(note="by hand")
    run = assets.materialize_asset(found.id, body)
    assert (run.dag_id, run.note, run.state) == ("maker", "by hand", "queued")
    assert assets.materialize_asset(found.id).dag_id == "maker"
    late, early = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    backwards = official.MaterializeAssetBody(data_interval_start=late, data_interval_end=early)
    with pytest.raises(ApiException, match="lies before data_interval_start"):
        assets.materialize_asset(found.id, backwards)
    maker = with_assets.person("mia", Role.USER, {"maker": False})
    assert maker.post(f"/api/v2/assets/{found.id}/materialize", {}).status == 403
    made = TaskSpec(task_id="make", outlets=(AssetRef(name="sales", uri="s3://sales"),))
    published(with_assets.db, dag("second", tasks=(made,)), file="second.py")
    with pytest.raises(ApiException, match="several DAGs make asset") as caught:
        assets.materialize_asset(found.id)
    assert caught.value.status == 400


def test_the_official_client_lists_aliases(
    with_assets: World, api: ApiClient, narrow: Client
) -> None:
    assets = official.AssetApi(api)
    (found,) = assets.get_asset_aliases(name_pattern="LEA").asset_aliases
    assert found.name == "leads"
    one = {"id": found.id, "name": "leads", "group": "asset"}
    assert assets.get_asset_alias(found.id) == one
    assert assets.get_asset_aliases(name_pattern="x").total_entries == 0
    assert narrow.get("/api/v2/assets/aliases").json["asset_aliases"] == []
    assert narrow.get(f"/api/v2/assets/aliases/{found.id}").status == 404
