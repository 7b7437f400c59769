"""When a run's deadlines are.

Deadlines are fixed when the run is made, so that later changes of the DAG do not move them; one
that counts from when the run was queued is fixed anew when the run is queued again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tradewind.model.deadline import (
    AverageRuntime,
    Deadline,
    DeadlineSpec,
    FixedTime,
    LogicalDate,
    QueuedAt,
    Reference,
)
from tradewind.model.run import Run


def runs_asked_for(deadlines: Sequence[DeadlineSpec]) -> int:
    """Return of how many earlier runs the durations are needed; 0 for none."""
    averages = [d.reference for d in deadlines if isinstance(d.reference, AverageRuntime)]
    return max((average.max_runs for average in averages), default=0)


def deadlines_of(
    run: Run, deadlines: Sequence[DeadlineSpec], durations_s: Sequence[float] = ()
) -> list[Deadline]:
    """Return the deadlines that a new run has.

    Args:
        run: the run, queued.
        deadlines: of its DAG.
        durations_s: of the DAG's successful runs, latest first; as many as `runs_asked_for`.
    """
    found: list[Deadline] = []
    for position, deadline in enumerate(deadlines):
        start = _start(deadline.reference, run, durations_s)
        if start is None:
            continue
        found.append(
            Deadline(
                run_pk=run.run_pk,
                position=position,
                due_at=start + timedelta(seconds=deadline.interval_s),
                name=deadline.name,
            )
        )
    return found


def queued_again(run: Run, deadlines: Sequence[DeadlineSpec]) -> list[Deadline]:
    """Return the deadlines that move because the run is queued again."""
    counted = [d if isinstance(d.reference, QueuedAt) else None for d in deadlines]
    return [
        Deadline(
            run_pk=run.run_pk,
            position=position,
            due_at=run.queued_at + timedelta(seconds=deadline.interval_s),
            name=deadline.name,
        )
        for position, deadline in enumerate(counted)
        if deadline is not None and run.queued_at is not None
    ]


def is_met(succeeded_at: datetime | None, due_at: datetime) -> bool:
    """Tell whether a run that succeeded then, or has not (None), has kept the deadline."""
    return succeeded_at is not None and succeeded_at <= due_at


def _start(reference: Reference, run: Run, durations_s: Sequence[float]) -> datetime | None:
    if isinstance(reference, LogicalDate):
        return run.logical_date
    if isinstance(reference, FixedTime):
        return reference.at
    if isinstance(reference, QueuedAt):
        return run.queued_at
    counted = durations_s[: reference.max_runs]
    if len(counted) < reference.min_runs or run.queued_at is None:
        return None
    return run.queued_at + timedelta(seconds=sum(counted) / len(counted))
