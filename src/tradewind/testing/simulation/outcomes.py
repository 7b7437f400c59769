"""Outcomes of every kind, for attempts that a simulation runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random  # noqa: TID251 (a seeded generator handed in by the simulator)

import msgspec

from tradewind.engine.graph import Graph
from tradewind.model.event import Reported
from tradewind.model.outcome import (
    Deferred,
    Failed,
    Outcome,
    Rescheduled,
    SkippedBy,
    Succeeded,
    Vanished,
)
from tradewind.model.run import TaskInstance
from tradewind.model.state import TaskState

NULL = msgspec.Raw(b"null")


def report(rng: Random, graph: Graph, ti: TaskInstance, now: datetime, *, luck: float) -> Reported:
    """Return the report of a live attempt. luck: how likely it is a success (1.0: certain)."""
    assert ti.attempt_id is not None
    well = rng.random() < luck
    outcome = _success(rng, graph, ti) if well else _misfortune(rng, ti, now)
    good = isinstance(outcome, Succeeded)
    return Reported(
        key=ti.in_run,
        attempt_id=ti.attempt_id,
        outcome=outcome,
        mapped_length=rng.choice([0, 1, 2, 3, 3]) if good else None,
        returned=good and rng.random() < 0.8,
    )


def _misfortune(rng: Random, ti: TaskInstance, now: datetime) -> Outcome:
    if ti.state is TaskState.QUEUED:
        return Vanished(reason="no process", before_start=True)
    return rng.choice(
        (
            Failed(error="boom"),
            Failed(error="boom"),
            Failed(error="boom", retryable=False),
            Failed(error="slow down", retry_delay_s=5.0),
            SkippedBy(reason="nothing to do"),
            Rescheduled(at=now + timedelta(seconds=rng.choice([0, 30]))),
            Vanished(reason="killed by SIGKILL"),
            Vanished(reason="never started", before_start=True),
            Deferred(
                trigger="x.T",
                kwargs=NULL,
                next_method="go",
                next_kwargs=NULL,
                timeout_s=rng.choice([None, 40.0]),
            ),
            Deferred(
                trigger="x.T",
                kwargs=NULL,
                next_method="go",
                next_kwargs=NULL,
                timeout_s=rng.choice([None, 40.0]),
            ),
        )
    )


def _success(rng: Random, graph: Graph, ti: TaskInstance) -> Succeeded:
    index = graph.index[ti.task_id]
    below = [graph.tasks[i].task_id for i in graph.downstream(index)]
    if not graph.tasks[index].can_skip_downstream or not below or rng.random() < 0.3:
        return Succeeded()
    if rng.random() < 0.3:
        return Succeeded(skip_all_downstream=True)
    return Succeeded(skip=tuple(rng.sample(below, rng.randint(1, len(below)))))
