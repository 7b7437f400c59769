"""What a run sees of the run before it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.store_world import Leader, a_run, at, moved
from tradewind.model.event import Past, RunChange, TaskChange
from tradewind.model.run import Run
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, RunType, TaskState
from tradewind.store.connect import Database
from tradewind.store.read import scheduling

SPEC = DagSpec(
    dag_id="d",
    tasks=(TaskSpec(task_id="a"), TaskSpec(task_id="b", upstream=(0,)), TaskSpec(task_id="c")),
)
CATCHUP = DagSpec(dag_id="d", tasks=SPEC.tasks, catchup=True)


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def start(leader: Leader, day: int, run_id: str | None = None, **fields: Any) -> Run:
    base: dict[str, Any] = {
        "logical_date": at(day),
        "run_after": at(day),
        "run_type": RunType.SCHEDULED,
    }
    return leader.start_run(a_run(run_id or f"day{day}", **(base | fields)))


def put(leader: Leader, run: Run, **states: TaskState) -> None:
    for task_id, state in states.items():
        ti = leader.create(run, task_id.rstrip("_"), -1 if not task_id.endswith("_") else 0)
        leader.apply(changes=[TaskChange(ti, moved(ti, state))])


def test_the_first_run_has_no_past(db: Database, leader: Leader) -> None:
    run = start(leader, 1)
    assert scheduling.past(db, run, ["a"], SPEC) == Past()


def test_it_is_the_run_with_the_logical_date_before(db: Database, leader: Leader) -> None:
    put(leader, start(leader, 1), a=TaskState.FAILED, b=TaskState.UPSTREAM_FAILED)
    put(leader, start(leader, 3), a=TaskState.SUCCESS)
    run = start(leader, 2, "between")
    past = scheduling.past(db, run, ["a", "b", "c"], SPEC)
    assert past.exists
    assert {t: p.state for t, p in past.tasks.items()} == {
        "a": TaskState.FAILED,
        "b": TaskState.UPSTREAM_FAILED,
    }


@pytest.mark.parametrize(
    ("below", "done"),
    [(TaskState.SUCCESS, True), (TaskState.SKIPPED, True), (TaskState.RUNNING, False)],
)
def test_it_tells_whether_the_next_tasks_are_done(
    db: Database, leader: Leader, below: TaskState, done: bool
) -> None:
    put(leader, start(leader, 1), a=TaskState.SUCCESS, b=below)
    past = scheduling.past(db, start(leader, 2), ["a"], SPEC)
    assert past.tasks["a"].state is TaskState.SUCCESS
    assert past.tasks["a"].downstream_done is done


def test_a_mapped_task_is_as_bad_as_its_worst_instance(db: Database, leader: Leader) -> None:
    first = start(leader, 1)
    for index, state in enumerate((TaskState.SKIPPED, TaskState.SUCCESS, TaskState.REMOVED)):
        ti = leader.create(first, "a", index)
        leader.apply(changes=[TaskChange(ti, moved(ti, state))])
    second = start(leader, 2)
    assert scheduling.past(db, second, ["a"], SPEC).tasks["a"].state is TaskState.SUCCESS
    for index, state in enumerate((TaskState.RUNNING, TaskState.FAILED)):
        ti = leader.create(first, "a", 10 + index)
        leader.apply(changes=[TaskChange(ti, moved(ti, state))])
    assert scheduling.past(db, second, ["a"], SPEC).tasks["a"].state is TaskState.FAILED


def test_a_dag_that_catches_up_does_not_see_manual_runs(db: Database, leader: Leader) -> None:
    put(leader, start(leader, 1), a=TaskState.SUCCESS)
    put(leader, start(leader, 2, run_type=RunType.MANUAL), a=TaskState.FAILED)
    run = start(leader, 3)
    assert scheduling.past(db, run, ["a"], SPEC).tasks["a"].state is TaskState.FAILED
    assert scheduling.past(db, run, ["a"], CATCHUP).tasks["a"].state is TaskState.SUCCESS


def test_without_a_logical_date_it_is_the_run_after_which(db: Database, leader: Leader) -> None:
    put(leader, start(leader, 1, logical_date=None), a=TaskState.SUCCESS)
    same = start(leader, 2, "same1", logical_date=None)
    other = start(leader, 2, "same2", logical_date=None)
    assert scheduling.past(db, same, ["a"], SPEC).tasks["a"].state is TaskState.SUCCESS
    assert scheduling.past(db, other, ["a"], SPEC).tasks == {}


def test_later_live_runs_are_found(db: Database, leader: Leader) -> None:
    runs = [start(leader, day) for day in (1, 2, 3, 4)]
    ended = Run(
        **{f: getattr(runs[3], f) for f in Run.__struct_fields__} | {"state": RunState.SUCCESS}
    )
    leader.apply(run_changes=[RunChange(runs[3], ended)])
    start(leader, 5, dag_id="other")
    assert scheduling.next_run_pks(db, runs[0]) == [runs[1].run_pk, runs[2].run_pk]
    assert scheduling.next_run_pks(db, runs[2]) == []
