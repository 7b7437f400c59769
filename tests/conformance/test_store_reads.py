"""What tasks, people and screens read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.store_world import NOW, Leader, a_run, at, attempt_of, moved
from tradewind.errors import Bug, NotFound, Unavailable
from tradewind.model.event import RunChange, TaskChange
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Pool, Run, TaskInstance
from tradewind.model.spec import DagSpec, GroupSpec, TaskSpec
from tradewind.model.state import RunState, RunType, TaskState
from tradewind.store import catalog, pools, xcoms
from tradewind.store.catalog import PublishedFile
from tradewind.store.connect import Database
from tradewind.store.read import history, occupancy, scheduling, tasks, worker
from tradewind.store.shelf import Shelf
from tradewind.store.turn import AssetEventWrite, XComWrite
from tradewind.wire.messages import (
    Call,
    GetAssetEvents,
    GetPreviousRun,
    GetRunStates,
    GetTaskStates,
    GetVariable,
    GetXComs,
)


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def ask(db: Database, run: Run, call: Call) -> dict[str, Any]:
    return worker.answer(db, run, TiKey(run.run_pk, "reader", -1), call)


def items(db: Database, run: Run, call: GetXComs) -> list[tuple[str, int, bytes]]:
    found = ask(db, run, call)["items"]
    return [(i["task_id"], i["map_index"], i["value"]) for i in found]


def push(leader: Leader, ti: TaskInstance, key: str, value: bytes) -> None:
    assert ti.attempt_id is not None
    leader.apply(xcoms=[XComWrite(ti=ti.key, attempt_id=ti.attempt_id, key=key, value=value)])


# ---- XComs ------------------------------------------------------------------------------------


def test_xcoms_come_by_task_as_asked_then_by_index(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    for task_id, index in (("b", 1), ("b", 0), ("b", 10), ("a", -1)):
        ti = leader.run_once(run, task_id, index)
        push(leader, ti, "k", f"{task_id}{index}".encode())
        push(leader, ti, "other", b"0")
    assert items(db, run, GetXComs(key="k", task_ids=("b", "a"))) == [
        ("b", 0, b"b0"),
        ("b", 1, b"b1"),
        ("b", 10, b"b10"),
        ("a", -1, b"a-1"),
    ]
    assert items(db, run, GetXComs(key="k", task_ids=("b",), map_indexes=(10, 1))) == [
        ("b", 1, b"b1"),
        ("b", 10, b"b10"),
    ]
    page = GetXComs(key="k", task_ids=("b", "a"), offset=2, limit=2)
    assert items(db, run, page) == [("b", 10, b"b10"), ("a", -1, b"a-1")]
    assert items(db, run, GetXComs(key="nothing", task_ids=("a",))) == []


def test_xcoms_of_any_task_come_the_newest_first(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    for n, task_id in enumerate(("b", "c", "a")):
        ti = leader.run_once(run, task_id)
        assert ti.attempt_id is not None
        value = XComWrite(ti=ti.key, attempt_id=ti.attempt_id, key="k", value=task_id.encode())
        leader.apply(xcoms=[value], now=at(n))
    call = GetXComs(key="k", task_ids=())
    assert [task_id for task_id, _, _ in items(db, run, call)] == ["a", "c", "b"]
    assert items(db, run, GetXComs(key="k", task_ids=(), limit=1)) == [("a", -1, b"a")]
    assert items(db, run, GetXComs(key="nothing", task_ids=())) == []
    any_key = GetXComs(key="", task_ids=("b", "c"))
    assert [task_id for task_id, _, _ in items(db, run, any_key)] == ["c", "b"]


def test_xcoms_of_another_run_or_dag(db: Database, leader: Leader) -> None:
    run = leader.start_run(a_run("r1"))
    other = leader.start_run(a_run("r2", dag_id="other"))
    push(leader, leader.run_once(other, "a"), "k", b"1")
    call = GetXComs(key="k", task_ids=("a",), dag_id="other", run_id="r2")
    assert items(db, run, call) == [("a", -1, b"1")]
    assert items(db, run, GetXComs(key="k", task_ids=("a",), run_id="nobody")) == []


def test_the_latest_earlier_run_that_has_one_stands_in(db: Database, leader: Leader) -> None:
    runs = [leader.start_run(a_run(f"r{n}", logical_date=at(n))) for n in range(4)]
    for n in (0, 1):
        push(leader, leader.run_once(runs[n], "a"), "k", str(n).encode())
    push(leader, leader.run_once(runs[2], "a"), "unrelated", b"0")
    call = GetXComs(key="k", task_ids=("a",), include_prior_dates=True)
    assert items(db, runs[3], call) == [("a", -1, b"1")]
    assert items(db, runs[0], call) == [("a", -1, b"0")]
    undated = leader.start_run(a_run("undated"))
    assert items(db, undated, call) == []


def test_large_values_are_kept_elsewhere_and_read_from_there(
    db: Database, leader: Leader, tmp_path: Path
) -> None:
    db.shelf = Shelf(str(tmp_path / "xcoms"), limit_bytes=10)
    run = leader.start_run()
    ti = leader.run_once(run, "a")
    large, larger = b'"' + b"x" * 50 + b'"', b'"' + b"y" * 60 + b'"'
    push(leader, ti, "small", b"1234567890")
    push(leader, ti, "large", large)
    assert items(db, run, GetXComs(key="large", task_ids=("a",))) == [("a", -1, large)]
    assert [(x.key, x.size, x.kept_at is not None) for x in xcoms.listed(db, run.run_pk)] == [
        ("large", 52, True),
        ("small", 10, False),
    ]
    push(leader, ti, "large", larger)
    assert xcoms.value(db, ti.key, "large") == larger
    assert xcoms.value(db, ti.key, "small") == b"1234567890"
    with db.read() as conn:
        (stored,) = conn.exec_driver_sql("SELECT value FROM xcom WHERE key = 'large'").all()
    assert bytes(stored.value) == b""
    # The address says where, whatever the settings say by now.
    db.shelf = None
    assert xcoms.value(db, ti.key, "large") == larger


def test_a_kept_value_that_is_gone_is_told(db: Database, leader: Leader, tmp_path: Path) -> None:
    db.shelf = Shelf(str(tmp_path / "xcoms"), limit_bytes=1)
    run = leader.start_run()
    ti = leader.run_once(run, "a")
    push(leader, ti, "k", b"large")
    db.shelf.forget_runs([run.run_pk, 999])
    with pytest.raises(NotFound, match="is not there any more"):
        xcoms.value(db, ti.key, "k")
    with pytest.raises(NotFound, match="no XCom 'nothing'"):
        xcoms.value(db, ti.key, "nothing")


def test_a_storage_that_cannot_be_written_stops_the_turn(
    db: Database, leader: Leader, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    run = leader.start_run()
    ti = leader.run_once(run, "a")
    db.shelf = Shelf(str(tmp_path / "file" / "xcoms"), limit_bytes=1)
    with pytest.raises(Unavailable, match="cannot be kept"):
        push(leader, ti, "k", b"large")
    assert xcoms.listed(db, run.run_pk) == []


# ---- other questions of tasks -----------------------------------------------------------------


def publish(db: Database, spec: DagSpec) -> int:
    file = PublishedFile(
        dag_file=f"{spec.dag_id}.py", source_hash="s", specs=(spec,), parsed_at=NOW
    )
    catalog.publish(db, [file], NOW)
    version = scheduling.latest_version(db, spec.dag_id)
    assert version is not None
    return version.version_id


def test_task_states_by_task_by_group_and_all(db: Database, leader: Leader) -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(
            TaskSpec(task_id="a"),
            TaskSpec(task_id="g.b", group_id="g"),
            TaskSpec(task_id="unprefixed", group_id="g.inner"),
        ),
        groups=(GroupSpec(group_id="g"), GroupSpec(group_id="g.inner", parent="g")),
    )
    publish(db, spec)
    run = leader.start_run(a_run("r1", logical_date=at(0)))
    leader.run_once(run, "a")
    leader.create(run, "g.b", 3)
    leader.create(run, "unprefixed")

    def states(**fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = ask(db, run, GetTaskStates(dag_id="d", **fields))["runs"]
        return found

    every = {"a": "success", "g.b[3]": "none", "unprefixed": "none"}
    assert states() == {"r1": every}
    assert states(logical_dates=(at(0), at(1))) == {"r1": every}
    assert states(run_ids=("r1",), task_ids=("a",)) == {"r1": {"a": "success"}}
    assert states(group_id="g") == {"r1": {"g.b[3]": "none", "unprefixed": "none"}}
    assert states(group_id="g.inner") == {"r1": {"unprefixed": "none"}}
    assert states(run_ids=("nobody",)) == {}


def test_run_states(db: Database, leader: Leader) -> None:
    publish(db, DagSpec(dag_id="d", tasks=(TaskSpec(task_id="a"),)))
    run = leader.start_run(a_run("r1", logical_date=at(0)))
    leader.apply(new_runs=[])
    assert ask(db, run, GetRunStates(dag_id="d")) == {"exists": True, "runs": {"r1": "running"}}
    by_date = GetRunStates(dag_id="d", logical_dates=(at(0),), states=("success",))
    assert ask(db, run, by_date) == {"exists": True, "runs": {}}
    assert ask(db, run, GetRunStates(dag_id="nobody")) == {"exists": False, "runs": {}}


def test_the_previous_run(db: Database, leader: Leader) -> None:
    first = leader.start_run(a_run("r1", logical_date=at(1), conf={"n": 1}))
    ended = Run(
        **{f: getattr(first, f) for f in Run.__struct_fields__} | {"state": RunState.SUCCESS}
    )
    leader.apply(run_changes=[RunChange(first, ended)])
    leader.start_run(a_run("r2", logical_date=at(2)))
    run = leader.start_run(a_run("r3", logical_date=at(3)))
    assert ask(db, run, GetPreviousRun())["run_id"] == "r2"
    found = ask(db, run, GetPreviousRun(state="success"))
    assert (found["run_id"], found["conf"], found["logical_date"]) == ("r1", {"n": 1}, at(1))
    assert ask(db, first, GetPreviousRun()) == {}


def test_asset_events(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    for n, (name, alias) in enumerate((("a", None), ("b", None), ("a", "al"))):
        event = AssetEventWrite(
            name=name,
            uri=f"s3://{name}",
            at=at(n),
            alias=alias,
            extra={"n": n},
            source=TiKey(run.run_pk, "t", 2),
            source_dag_id="d",
            source_run_id="r1",
        )
        leader.apply(asset_events=[event])

    def numbers(**fields: Any) -> list[int]:
        return [e["extra"]["n"] for e in ask(db, run, GetAssetEvents(**fields))["events"]]

    assert numbers(name="a") == [0, 2]
    assert numbers(uri="s3://b") == [1]
    assert numbers(alias="al") == [2]
    assert numbers(name="a", ascending=False, limit=1) == [2]
    assert numbers(name="a", after=at(1)) == [2]
    assert numbers(name="a", before=at(1)) == [0]
    event = ask(db, run, GetAssetEvents(name="b"))["events"][0]
    assert (event["source_task_id"], event["source_map_index"], event["at"]) == ("t", 2, at(1))


def test_a_call_that_reads_nothing_is_a_bug(db: Database, leader: Leader) -> None:
    with pytest.raises(Bug, match="GetVariable"):
        ask(db, leader.start_run(), GetVariable("x"))


# ---- screens ------------------------------------------------------------------------------------


def test_the_tries_of_a_task(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    running = leader.claim(leader.queue(leader.create(run)))
    waiting = leader.finish(running, TaskState.UP_FOR_RETRY)
    running = leader.claim(leader.queue(waiting))
    # A reschedule is another attempt of the same try.
    resting = leader.finish(running, TaskState.UP_FOR_RESCHEDULE)
    again = moved(moved(resting, TaskState.QUEUED, fence=3, attempt_id="a" * 32), TaskState.QUEUED)

    leader.apply(changes=[TaskChange(resting, again)], attempts=[attempt_of(again)])
    first, second = history.tries(db, again.key)
    assert (first.try_number, first.state, len(first.attempts)) == (1, "up_for_retry", 1)
    assert (first.started_at, first.ended_at) == (NOW, NOW)
    assert (second.try_number, second.state, len(second.attempts)) == (2, "queued", 2)
    assert second.ended_at is None


def test_events_of_a_run_and_everything_since(db: Database, leader: Leader) -> None:
    assert history.newest(db) == 0
    run = leader.start_run()
    seen = history.newest(db)
    ti = leader.run_once(run, "a", 0)
    leader.run_once(run, "b")
    assert history.newest(db) > seen
    since = history.events_after(db, seen)
    assert [e.seq for e in since] == sorted(e.seq for e in since)
    assert {e.task_id for e in since} == {"a", "b"}
    of_task = history.events(db, run.run_pk, task_id="a", map_index=0)
    assert [e.to_state for e in of_task if e.subject == "task"] == [
        "scheduled",
        "queued",
        "running",
        "success",
    ]
    assert {(e.task_id, e.map_index) for e in of_task} == {("a", ti.map_index)}
    assert len(history.events(db, run.run_pk, limit=3)) == 3
    assert len(history.events_after(db, seen, limit=2)) == 2


def test_what_stood_for_a_mapped_task_is_not_listed_beside_its_instances(
    db: Database, leader: Leader
) -> None:
    spec = DagSpec(dag_id="d", tasks=(TaskSpec(task_id="a"), TaskSpec(task_id="b")))
    run = leader.start_run(a_run(version_id=publish(db, spec)))
    for task_id, indexes in {"a": (UNMAPPED, 0, 1), "b": (UNMAPPED,)}.items():
        for index in indexes:
            gone = TaskState.REMOVED if index == UNMAPPED else TaskState.SCHEDULED
            leader.create(run, task_id, index, state=gone)
    found = [(ti.task_id, ti.map_index) for ti in tasks.instances(db, run.run_pk)]
    assert sorted(found) == [("a", 0), ("a", 1), ("b", UNMAPPED)], "b was really removed"


def test_pools_show_what_is_in_them(db: Database, leader: Leader) -> None:
    spec = DagSpec(
        dag_id="d",
        tasks=(TaskSpec(task_id="a", pool="gpu", pool_slots=2), TaskSpec(task_id="b")),
    )
    version_id = publish(db, spec)
    with db.write() as conn:
        pools.set_pool(conn, Pool(name="gpu", slots=10, include_deferred=True))
        pools.set_pool(conn, Pool(name="free", slots=-1))
    run = leader.start_run(a_run(version_id=version_id))
    leader.claim(leader.queue(leader.create(run, "a", 0)))
    leader.queue(leader.create(run, "a", 1))
    leader.finish(leader.claim(leader.queue(leader.create(run, "a", 2))), TaskState.DEFERRED)
    leader.run_once(run, "a", 3)
    leader.queue(leader.create(run, "b"))
    used = {u.pool.name: u for u in occupancy.pool_uses(db)}
    gpu = used["gpu"]
    assert (gpu.running, gpu.queued, gpu.deferred) == (2, 2, 2)
    assert (gpu.occupied, gpu.open) == (6, 4)
    assert (used["default_pool"].queued, used["default_pool"].open) == (1, 127)
    assert (used["free"].occupied, used["free"].open) == (0, None)


def test_a_run_is_read_with_its_live_attempts_only(db: Database, leader: Leader) -> None:
    assert scheduling.run_rows(db, 1) is None
    run = leader.start_run(a_run(run_type=RunType.SCHEDULED))
    leader.run_once(run, "a")
    live = leader.queue(leader.create(run, "b"))
    found = scheduling.run_rows(db, run.run_pk)
    assert found is not None
    assert found.run == run
    assert {ti.task_id for ti in found.instances} == {"a", "b"}
    assert [a.attempt_id for a in found.attempts] == [live.attempt_id]
