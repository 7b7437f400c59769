from __future__ import annotations

from datetime import UTC, datetime

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.conformance.store_world import Leader
from tests.unit.actions.catalog import NOW, dag, published
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.schedule import AssetLeaf, AssetTriggered
from tradewind.model.spec import AssetRef, TaskSpec
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


def test_the_official_client_lists_assets_and_events(
    world: World, api: ApiClient, past: History, narrow: Client
) -> None:
    leaf = AssetLeaf(name="sales", uri="s3://sales")
    made = TaskSpec(task_id="make", outlets=(AssetRef(name="sales", uri="s3://sales"),))
    published(
        world.db,
        dag("maker", tasks=(made,)),
        dag("taker", schedule=AssetTriggered(condition=leaf)),
        file="assets.py",
    )
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
