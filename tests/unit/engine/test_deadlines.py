"""When the deadlines of a run are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.engine.deadlines import deadlines_of, is_met, queued_again, runs_asked_for
from tradewind.model.deadline import (
    AverageRuntime,
    DeadlineSpec,
    FixedTime,
    LogicalDate,
    QueuedAt,
    Reference,
)
from tradewind.model.run import Run
from tradewind.model.state import RunState, RunType

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)


def a_run(**fields: Any) -> Run:
    base: dict[str, Any] = {
        "run_pk": 7,
        "dag_id": "d",
        "run_id": "r",
        "run_type": RunType.SCHEDULED,
        "state": RunState.QUEUED,
        "version_id": 1,
        "run_after": DAY,
        "logical_date": DAY,
        "queued_at": NOON,
    }
    return Run(**(base | fields))


def an_hour_after(reference: Reference) -> DeadlineSpec:
    return DeadlineSpec(reference=reference, interval_s=3600, name="n")


def due(run: Run, *references: Reference, took: tuple[float, ...] = ()) -> list[datetime]:
    return [d.due_at for d in deadlines_of(run, [an_hour_after(r) for r in references], took)]


@pytest.mark.parametrize(
    ("reference", "start"),
    [
        (LogicalDate(), DAY),
        (QueuedAt(), NOON),
        (FixedTime(DAY - timedelta(days=9)), DAY - timedelta(days=9)),
        (AverageRuntime(max_runs=3, min_runs=2), NOON + timedelta(seconds=20)),
    ],
)
def test_a_deadline_counts_from_its_reference(reference: Reference, start: datetime) -> None:
    assert due(a_run(), reference, took=(10, 30)) == [start + timedelta(hours=1)]


def test_a_run_without_a_logical_date_has_no_deadline_from_it() -> None:
    run = a_run(logical_date=None)
    found = deadlines_of(run, [an_hour_after(LogicalDate()), an_hour_after(QueuedAt())])
    assert [(d.position, d.run_pk, d.name) for d in found] == [(1, 7, "n")]


def test_an_average_needs_enough_runs_and_counts_the_latest() -> None:
    average = AverageRuntime(max_runs=2, min_runs=2)
    assert due(a_run(), average, took=(10,)) == []
    assert due(a_run(), average, took=(10, 20, 9_000)) == [NOON + timedelta(hours=1, seconds=15)]
    assert runs_asked_for([an_hour_after(average), an_hour_after(AverageRuntime())]) == 10
    assert runs_asked_for([an_hour_after(QueuedAt())]) == 0


def test_only_what_counts_from_the_queue_moves_when_a_run_is_queued_again() -> None:
    later = a_run(queued_at=NOON + timedelta(days=1))
    specs = [an_hour_after(LogicalDate()), an_hour_after(QueuedAt())]
    (moved,) = queued_again(later, specs)
    assert (moved.position, moved.due_at) == (1, NOON + timedelta(days=1, hours=1))


def test_a_deadline_is_met_by_a_success_no_later_than_it() -> None:
    assert is_met(NOON, NOON)
    assert not is_met(NOON + timedelta(microseconds=1), NOON)
    assert not is_met(None, NOON)
