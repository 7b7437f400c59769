from __future__ import annotations

from typing import Any

import pytest

from tests.unit.actions.catalog import FixedClock, Leader, bell, dag, published
from tradewind.actions.clear import clear, clear_run
from tradewind.actions.mark import mark, mark_run
from tradewind.actions.plan import Plan, plan, plan_mark
from tradewind.actions.trigger import trigger
from tradewind.engine.plan import Selection
from tradewind.errors import NotFound, UserError
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.model.state import RunState, TaskState
from tradewind.store import inbox
from tradewind.store.connect import Database

CHAIN = (
    TaskSpec(task_id="a"),
    TaskSpec(task_id="b", upstream=(0,)),
    TaskSpec(task_id="c", upstream=(1,)),
)
STATES = {"a": TaskState.SUCCESS, "b": TaskState.FAILED, "c": TaskState.UPSTREAM_FAILED}


def ended_run(db: Database, spec: DagSpec | None = None) -> tuple[Run, Leader]:
    """A run whose task b failed."""
    published(db, spec or dag(tasks=CHAIN))
    run = trigger(db, bell(db), FixedClock(), "etl")
    leader = Leader(db)
    leader.answer()
    leader.commit(
        created=[
            TaskInstance(run_pk=run.run_pk, task_id=task_id, state=state, try_number=1)
            for task_id, state in STATES.items()
        ]
    )
    return run, leader


def keys(planned: Plan) -> list[str]:
    return [str(key) for key in planned.keys]


def test_the_dry_run_is_the_plan(db: Database) -> None:
    run, _ = ended_run(db)
    assert keys(plan(db, run, Selection())) == ["a", "b", "c"]
    assert keys(plan(db, run, Selection(only_failed=True))) == ["b", "c"]
    assert keys(plan(db, run, Selection(task_ids=("b",), downstream=True))) == ["b", "c"]
    with pytest.raises(NotFound, match="no task 'x'; it has: a, b, c"):
        plan(db, run, Selection(task_ids=("x",)))
    assert inbox.pending(db, 10) == []


def test_a_clear_asks_for_exactly_the_plan(db: Database) -> None:
    run, _ = ended_run(db)
    planned = plan(db, run, Selection(only_failed=True))
    done = clear(db, bell(db), FixedClock(), planned, actor="jo", wait_s=0)
    [event] = inbox.pending(db, 10)
    assert (event.kind, event.run_pk) == ("cleared", run.run_pk)
    assert event.payload == {
        "keys": [["b", -1], ["c", -1]],
        "run_state": "queued",
        "actor": "jo",
    }
    assert done.keys == (TaskKey("b"), TaskKey("c"))
    assert not done.answered


def test_a_clear_waits_for_the_leader(db: Database) -> None:
    run, leader = ended_run(db)

    def answer() -> None:
        leader.answer()

    planned = plan(db, run, Selection())
    assert clear(db, bell(db), FixedClock(answer), planned, wait_s=10).answered


def test_what_the_leader_refuses_is_told(db: Database) -> None:
    run, leader = ended_run(db)

    def refuse() -> None:
        leader.answer(error="there is no run 7")

    planned = plan(db, run, Selection())
    with pytest.raises(UserError, match="no run 7"):
        clear(db, bell(db), FixedClock(refuse), planned, wait_s=10)


def test_nobody_is_asked_to_clear_nothing(db: Database) -> None:
    run, _ = ended_run(db)
    nothing = plan(db, run, Selection(only_running=True))
    assert clear(db, bell(db), FixedClock(), nothing, wait_s=0).keys == ()
    assert inbox.pending(db, 10) == []


@pytest.mark.parametrize(
    ("says", "asked", "takes_latest"),
    [(None, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
def test_which_version_a_cleared_run_goes_on_with(
    db: Database, says: bool | None, asked: bool | None, takes_latest: bool
) -> None:
    run, leader = ended_run(db)
    published(db, dag(tasks=CHAIN[:2], rerun_with_latest_version=says))
    leader = Leader(db)
    planned = plan(db, run, Selection())
    clear(db, bell(db), FixedClock(), planned, latest_version=asked, wait_s=0)
    [event] = leader.answer()
    assert ("version_id" in event.payload) is takes_latest


def test_a_whole_run_is_cleared(db: Database) -> None:
    run, _ = ended_run(db)
    assert keys(clear_run(db, bell(db), FixedClock(), run, wait_s=0)) == ["a", "b", "c"]


def test_tasks_are_marked(db: Database) -> None:
    run, leader = ended_run(db)
    planned = plan_mark(db, run, Selection(task_ids=("b",)), TaskState.SUCCESS)
    assert planned.resumed == (TaskKey("c"),)
    mark(db, bell(db), FixedClock(), planned, TaskState.SUCCESS, actor="jo", wait_s=0)
    [event] = leader.answer()
    expected: dict[str, Any] = {
        "keys": [["b", -1]],
        "state": "success",
        "actor": "jo",
        "resumed": [["c", -1]],
    }
    assert (event.kind, event.payload) == ("marked", expected)
    with pytest.raises(UserError, match="not running"):
        mark(db, bell(db), FixedClock(), planned, TaskState.RUNNING)


def test_a_run_is_marked(db: Database) -> None:
    run, leader = ended_run(db)
    assert not mark_run(db, bell(db), FixedClock(), run, RunState.FAILED, wait_s=0)
    [event] = leader.answer()
    assert (event.kind, event.run_pk, event.payload["state"]) == (
        "run_marked",
        run.run_pk,
        "failed",
    )
    with pytest.raises(UserError, match="not running"):
        mark_run(db, bell(db), FixedClock(), run, RunState.RUNNING)
