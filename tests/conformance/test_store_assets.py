"""Asset events wait for the DAGs that look at them, and each is consumed once by each."""

from __future__ import annotations

import pytest

from tests.conformance.store_world import NOW, Leader, a_run, at
from tradewind.errors import Conflict
from tradewind.model.schedule import (
    AliasLeaf,
    AllOf,
    AnyOf,
    AssetCondition,
    AssetLeaf,
    AssetOrTime,
    AssetTriggered,
    NoSchedule,
)
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunType
from tradewind.store import catalog
from tradewind.store.apply import TurnConflict
from tradewind.store.catalog import PublishedFile
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.runs import insert_run
from tradewind.store.turn import AssetEventWrite, NewRun


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def publish(db: Database, dag_id: str, condition: AssetCondition | None) -> None:
    schedule = AssetTriggered(condition) if condition is not None else NoSchedule()
    spec = DagSpec(dag_id=dag_id, tasks=(TaskSpec(task_id="t"),), schedule=schedule)
    file = PublishedFile(dag_file=f"{dag_id}.py", source_hash="s", specs=(spec,), parsed_at=NOW)
    catalog.publish(db, [file], NOW)


def happen(leader: Leader, name: str, uri: str = "", alias: str | None = None) -> None:
    event = AssetEventWrite(name=name, uri=uri, at=NOW, alias=alias, extra={"nan": float("nan")})
    leader.apply(asset_events=[event])


def waiting(db: Database, dag_id: str) -> list[tuple[str, str, str | None]]:
    return [(e.name, e.uri, e.alias) for e in scheduling.asset_queue(db, dag_id)]


def test_an_event_of_the_same_key_is_kept_once(db: Database, leader: Leader) -> None:
    publish(db, "d", AssetLeaf(name="a"))
    for key in ("n.1", "n.1", "n.2", None, None):
        leader.apply(asset_events=[AssetEventWrite(name="a", uri="a", at=NOW, key=key)])
    assert len(waiting(db, "d")) == 4


def test_an_event_waits_for_who_looks_at_its_asset(db: Database, leader: Leader) -> None:
    publish(db, "by_name", AssetLeaf(name="a"))
    publish(db, "by_uri", AssetLeaf(uri="s3://a"))
    publish(db, "by_both", AnyOf((AssetLeaf(name="a", uri="s3://a"), AssetLeaf(name="x"))))
    publish(db, "other_uri", AllOf((AssetLeaf(name="a", uri="s3://b"), AssetLeaf(name="y"))))
    publish(db, "alias", AliasLeaf("al"))
    publish(db, "nothing", None)
    happen(leader, "a", "s3://a")
    happen(leader, "z", "s3://z", alias="al")
    assert waiting(db, "by_name") == [("a", "s3://a", None)]
    assert waiting(db, "by_uri") == [("a", "s3://a", None)]
    assert waiting(db, "by_both") == [("a", "s3://a", None)]
    assert waiting(db, "other_uri") == []
    assert waiting(db, "alias") == [("z", "s3://z", "al")]
    assert waiting(db, "nothing") == []
    assert scheduling.dags_with_asset_events(db) == {"by_name", "by_uri", "by_both", "alias"}


def test_nothing_waits_for_a_paused_or_inactive_dag(db: Database, leader: Leader) -> None:
    for dag_id in ("paused", "gone"):
        publish(db, dag_id, AssetLeaf(name="a"))
    with db.write() as conn:
        catalog.set_paused(conn, "paused", NOW, paused=True)
    catalog.remove_files(db, ["gone.py"], NOW)
    happen(leader, "a")
    assert waiting(db, "paused") == []
    assert waiting(db, "gone") == []


def test_events_before_the_dag_do_not_count(db: Database, leader: Leader) -> None:
    happen(leader, "a")
    publish(db, "d", AssetLeaf(name="a"))
    assert waiting(db, "d") == []


def test_a_dag_that_looks_no_more_forgets_what_waited(db: Database, leader: Leader) -> None:
    publish(db, "d", AssetLeaf(name="a"))
    happen(leader, "a")
    publish(db, "d", None)
    assert waiting(db, "d") == []


def test_a_schedule_of_time_or_assets_waits_too(db: Database, leader: Leader) -> None:
    schedule = AssetOrTime(NoSchedule(), AssetLeaf(name="a"))
    spec = DagSpec(dag_id="d", tasks=(TaskSpec(task_id="t"),), schedule=schedule)
    file = PublishedFile(dag_file="d.py", source_hash="s", specs=(spec,), parsed_at=NOW)
    catalog.publish(db, [file], NOW)
    happen(leader, "a")
    assert len(waiting(db, "d")) == 1


def test_a_run_consumes_its_events_and_shows_them(db: Database, leader: Leader) -> None:
    publish(db, "d", AssetLeaf(name="a"))
    publish(db, "e", AssetLeaf(name="a"))
    happen(leader, "a", "s3://1")
    happen(leader, "a", "s3://2")
    ids = tuple(e.event_id for e in scheduling.asset_queue(db, "d"))
    run = a_run("r1", run_type=RunType.ASSET_TRIGGERED)
    (created,) = leader.apply(new_runs=[NewRun(run=run, consumed_events=ids)]).created_runs
    assert created is not None
    assert waiting(db, "d") == []
    assert len(waiting(db, "e")) == 2
    shown = scheduling.consumed_events(db, created.run_pk)
    assert [(e.asset_name, e.asset_uri, e.extra) for e in shown] == [
        ("a", "s3://1", {"nan": None}),
        ("a", "s3://2", {"nan": None}),
    ]


def test_an_event_is_consumed_once_by_a_dag(db: Database, leader: Leader) -> None:
    publish(db, "d", AssetLeaf(name="a"))
    happen(leader, "a")
    (event,) = scheduling.asset_queue(db, "d")
    leader.apply(new_runs=[NewRun(run=a_run("r1"), consumed_events=(event.event_id,))])
    with pytest.raises(TurnConflict):
        leader.apply(new_runs=[NewRun(run=a_run("r2"), consumed_events=(event.event_id,))])
    with pytest.raises(Conflict), db.write() as conn:
        insert_run(conn, a_run("r3"), (event.event_id,))
    assert [r.run_id for r in scheduling.active_runs(db)] == ["r1"]


def test_events_from_a_time_on_can_be_asked_for(db: Database, leader: Leader) -> None:
    publish(db, "d", AssetLeaf(name="a"))
    happen(leader, "a")
    assert len(scheduling.asset_queue(db, "d", since=at(0))) == 1
    assert scheduling.asset_queue(db, "d", since=at(1)) == []
