"""Deadlines of runs, on both databases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.conformance.store_world import NOW, Leader, a_run, at
from tradewind.model.deadline import Deadline
from tradewind.model.event import RunChange
from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store import cleaning, deadlines, tables
from tradewind.store.apply import TurnConflict
from tradewind.store.connect import Database
from tradewind.store.read import deadline_list, scheduling
from tradewind.store.read.deadline_list import DeadlineFilter
from tradewind.store.read.paging import Slice
from tradewind.store.turn import CallbackWrite, NewRun


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def due(*seconds: float) -> tuple[Deadline, ...]:
    return tuple(
        Deadline(run_pk=0, position=i, due_at=at(s), name=f"n{i}") for i, s in enumerate(seconds)
    )


def created(leader: Leader, run: Run, *seconds: float) -> Run:
    made = leader.apply(new_runs=[NewRun(run=run, deadlines=due(*seconds))]).created_runs[0]
    assert made is not None
    return made


def ended(leader: Leader, run: Run, state: RunState, seconds: float) -> None:
    """Let a run take so long."""
    running = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=NOW)
    over = msgspec.structs.replace(running, state=state, ended_at=at(seconds))
    leader.apply(run_changes=[RunChange(run, running), RunChange(running, over)])


def positions(db: Database, run: Run) -> list[int]:
    return [row.position for row in deadline_list.of_run(db, run.run_pk)]


def test_deadlines_are_written_with_the_run_and_the_next_is_known(
    db: Database, leader: Leader
) -> None:
    assert deadlines.next_due(db) is None
    run = created(leader, a_run(), 60, 30)
    assert deadlines.next_due(db) == at(30)
    assert [d.position for d in deadlines.due(db, at(45))] == [1]
    assert [d.position for d in deadlines.due(db, at(60))] == [1, 0]
    assert leader.apply(new_runs=[NewRun(run=a_run(), deadlines=due(10))]).created_runs == (None,)
    assert positions(db, run) == [1, 0]


def test_a_deadline_is_missed_once_with_its_callback(db: Database, leader: Leader) -> None:
    run = created(leader, a_run(), 30)
    (late,) = deadlines.due(db, at(31))
    owed = CallbackWrite(
        dedup="x", run_pk=run.run_pk, kind="deadline", deadline_id=late.deadline_id
    )
    leader.apply(deadlines_missed=[late.deadline_id], callbacks=[owed])
    with pytest.raises(TurnConflict, match="a deadline"):
        leader.apply(deadlines_missed=[late.deadline_id])
    (callback,) = scheduling.owed_callbacks(db, 10)
    missed = callback.deadline
    assert missed is not None
    assert (missed.deadline_id, missed.position, missed.due_at) == (late.deadline_id, 0, at(30))
    (shown,) = deadline_list.of_run(db, run.run_pk)
    assert (shown.missed_at, shown.name) == (NOW, "n0")
    assert deadlines.next_due(db) is None


def test_what_was_met_is_forgotten_and_what_was_missed_is_kept(
    db: Database, leader: Leader
) -> None:
    run = created(leader, a_run(), 10, 20, 30)
    (late,) = deadlines.due(db, at(10))
    leader.apply(deadlines_missed=[late.deadline_id])
    leader.apply(deadlines_met=[(run.run_pk, at(20))])
    assert positions(db, run) == [0]


def test_a_deadline_moves_while_it_is_open(db: Database, leader: Leader) -> None:
    run = created(leader, a_run(), 10, 20)
    (late,) = deadlines.due(db, at(10))
    leader.apply(deadlines_missed=[late.deadline_id])
    moved = [Deadline(run_pk=run.run_pk, position=i, due_at=at(90)) for i in range(2)]
    leader.apply(deadlines_moved=moved)
    found = [(row.position, row.due_at) for row in deadline_list.of_run(db, run.run_pk)]
    assert found == [(0, at(10)), (1, at(90))]


def test_only_a_success_counts_as_an_end(db: Database, leader: Leader) -> None:
    for name, state in (("good", RunState.SUCCESS), ("bad", RunState.FAILED)):
        ended(leader, created(leader, a_run(name), 30), state, 20)
    assert [d.succeeded_at for d in deadlines.due(db, at(30))] == [at(20), None]


def test_the_durations_of_successful_runs_are_told_latest_first(
    db: Database, leader: Leader
) -> None:
    for i, state in enumerate((RunState.SUCCESS, RunState.FAILED, RunState.SUCCESS)):
        ended(leader, created(leader, a_run(f"r{i}", run_after=at(i))), state, 10 + i)
    ended(leader, created(leader, a_run("r", "other")), RunState.SUCCESS, 99)
    assert deadlines.durations_s(db, "d", 5) == [12.0, 10.0]
    assert deadlines.durations_s(db, "d", 1) == [12.0]


def test_lists_can_be_narrowed_and_ordered(db: Database, leader: Leader) -> None:
    run = created(leader, a_run(), 10, 20)
    created(leader, a_run("r2", "hidden"), 5)
    (late,) = [d for d in deadlines.due(db, at(10)) if d.run_pk == run.run_pk]
    leader.apply(deadlines_missed=[late.deadline_id])

    def found(order: str = "deadline_time", **wanted: Any) -> list[int]:
        part = Slice(limit=10, order_by=(order,))
        rows, total = deadline_list.find(
            db,
            DeadlineFilter(**wanted),
            part,
            {"d"},
        )
        assert total == len(rows)
        return [row.position for row in rows]

    assert found() == [0, 1]
    assert found("-deadline_time") == [1, 0]
    assert found("missed") == [1, 0]
    assert found(missed=True) == [0]
    assert found(missed=False) == [1]
    assert found(deadline_time_gt=at(10)) == [1]


def test_a_deadline_without_its_run_wakes_nobody(db: Database, leader: Leader) -> None:
    run = created(leader, a_run(), 30)
    with db.write() as conn:
        conn.execute(tables.dag_run.delete().where(tables.dag_run.c.run_pk == run.run_pk))
    assert deadlines.next_due(db) is None
    assert deadlines.due(db, at(60)) == []


def test_cleaning_removes_them_with_the_run(db: Database, leader: Leader) -> None:
    run = created(leader, a_run(), 30)
    ended(leader, run, RunState.FAILED, 20)
    created(leader, a_run("r2", run_after=at(5)))
    assert cleaning.clean(db, at(1000))["deadline"] == 1
    assert positions(db, run) == []
