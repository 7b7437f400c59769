"""Deadlines of runs, over the real scheduler and store."""

from __future__ import annotations

from sqlalchemy import select

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.actions.clear import clear_run
from tradewind.actions.reasons import Reasons
from tradewind.engine.admit import Capacity
from tradewind.model.deadline import AverageRuntime, DeadlineSpec, QueuedAt
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import Failed, Outcome, Succeeded
from tradewind.model.run import Run
from tradewind.model.spec import DagSpec
from tradewind.model.state import RunState
from tradewind.store import tables
from tradewind.store.read import deadline_list
from tradewind.store.read.deadline_list import DeadlineRow
from tradewind.wire.messages import Finish

SOON = DeadlineSpec(reference=QueuedAt(), interval_s=30, name="soon")


def timed(*deadlines: DeadlineSpec) -> DagSpec:
    return dag(scripted(), deadlines=deadlines or (SOON,))


def started(town: Town) -> Run:
    run = town.trigger()
    town.after(1)
    town.claim(town.executor.launches[-1])
    return run


def finish(town: Town, outcome: Outcome) -> None:
    attempt_id = town.executor.launches[-1].attempt_id
    told = Finish(seq=2, attempt_id=attempt_id, nonce="n", outcome=outcome)
    assert town.say(told).error is None


def deadlines(town: Town, run: Run) -> list[DeadlineRow]:
    return deadline_list.of_run(town.db, run.run_pk)


def callbacks(town: Town, run: Run) -> list[tuple[str, bool]]:
    """Return the kinds of the run's callbacks, and whether each was made."""
    table = tables.callback
    with town.db.read() as conn:
        rows = conn.execute(select(table).where(table.c.run_pk == run.run_pk))
        return [(row.kind, row.done_at is not None) for row in rows]


def test_a_missed_deadline_is_seen_once_and_its_callback_is_made(found: Found) -> None:
    town = found(timed())
    run = started(town)
    town.after(25)
    assert [d.missed_at for d in deadlines(town, run)] == [None]
    town.after(10)
    (missed,) = deadlines(town, run)
    assert missed.missed_at is not None
    # A timer, no look every few minutes: seen in the second in which it passed.
    assert (missed.missed_at - missed.due_at).total_seconds() < 1.5
    assert callbacks(town, run) == [("deadline", True)]
    town.after(10)
    assert callbacks(town, run) == [("deadline", True)]
    assert town.run(run).state is RunState.RUNNING


def test_a_run_that_succeeds_in_time_has_no_deadline_any_more(found: Found) -> None:
    town = found(timed())
    run = started(town)
    town.after(10)
    finish(town, Succeeded())
    assert town.run(run).state is RunState.SUCCESS
    assert deadlines(town, run) == []
    town.after(40)
    assert callbacks(town, run) == []


def test_a_run_that_failed_misses_its_deadline_unless_it_is_cleared_and_succeeds(
    found: Found,
) -> None:
    town = found(timed(SOON, DeadlineSpec(reference=AverageRuntime(), interval_s=0)))
    run = started(town)
    assert [d.position for d in deadlines(town, run)] == [0]  # no runs to make an average of
    finish(town, Failed(error="no", retryable=False))
    assert town.run(run).state is RunState.FAILED
    town.after(20)
    clear_run(
        town.db, town.cluster.signal, town.cluster.clock, town.run(run), actor="ann", wait_s=0
    )
    town.after(15)  # more than half a minute after it was queued first
    (moved,) = deadlines(town, run)
    assert moved.missed_at is None
    town.after(20)
    assert [kind for kind, _ in callbacks(town, run)] == ["deadline"]


def test_a_deadline_outlives_its_scheduler(found: Found) -> None:
    town = found(timed())
    run = started(town)
    town.fail_over()
    town.after(40)
    assert callbacks(town, run) == [("deadline", True)]


def test_whoever_asks_why_a_task_waits_is_told_of_deadlines(found: Found) -> None:
    town = found(timed(), queued_timeout_s=100_000)
    run = town.trigger()
    town.after(1)

    def told() -> list[str]:
        capacity = Capacity(
            pools={}, executors={"Scripted": None}, parallelism=6, default_executor="Scripted"
        )
        reasons = Reasons(town.db, town.cluster.clock.now(), capacity)
        return [blocked.code for blocked in reasons.of(run, TaskKey("a"))]

    assert told() == ["unclaimed", "deadline"]
    town.after(35)
    assert told()[-1] == "deadline_missed"
