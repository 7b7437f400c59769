"""One attempt's outcome → what becomes of the task instance.

A loss before user code started costs the user no retry (`infra_losses` counts it apart). After
more than K of them the try counts as failed, so that a task that kills its worker at every
start does not do so for ever. A loss after user code started is a failed try.

The retry delay is a pure function of the DAG, task, logical date and try: the same run on
another scheduler waits equally long.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import NamedTuple

from tradewind.model.outcome import (
    Deferred,
    Failed,
    Outcome,
    Rescheduled,
    SkippedBy,
    Succeeded,
    Vanished,
)
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TaskState

MAX_RETRY_DELAY_S = 86_400.0
"""Exponential back-off never waits longer than a day (as in Airflow)."""

MAX_INFRA_LOSSES = 3
"""Losses before user code starts that one try survives; see `Policy`."""

_LONGEST_S = 10 * 365 * 86_400.0
"""A delay beyond this is a slip of the pen, and dates have an end."""


class Verdict(NamedTuple):
    """What becomes of a task instance whose attempt ended.

    infra_loss: the attempt was lost before user code started, and it costs no try.
    """

    state: TaskState
    due_at: datetime | None = None
    infra_loss: bool = False
    reason: str | None = None


def settle(
    task: TaskSpec,
    ti: TaskInstance,
    outcome: Outcome,
    now: datetime,
    *,
    run: Run,
    max_infra_losses: int = MAX_INFRA_LOSSES,
) -> Verdict:
    """Return the verdict on a current attempt's outcome."""
    if isinstance(outcome, Succeeded):
        return Verdict(TaskState.SUCCESS)
    if isinstance(outcome, Failed):
        if outcome.retryable:
            return _failed_try(task, ti, now, run, outcome.error, outcome.retry_delay_s)
        return Verdict(TaskState.FAILED, reason=outcome.error)
    if isinstance(outcome, Vanished):
        return _lost(task, ti, outcome, now, run, max_infra_losses)
    if isinstance(outcome, SkippedBy):
        return Verdict(TaskState.SKIPPED, reason=outcome.reason or None)
    if isinstance(outcome, Deferred):
        due = None if outcome.timeout_s is None else now + timedelta(seconds=outcome.timeout_s)
        waits = TaskState.DEFERRED if outcome.question is None else TaskState.AWAITING_INPUT
        return Verdict(waits, due_at=due)
    assert isinstance(outcome, Rescheduled)
    return Verdict(TaskState.UP_FOR_RESCHEDULE, due_at=outcome.at)


def retry_delay_s(task: TaskSpec, try_number: int, run: Run) -> float:
    """Return how long to wait after a failed try."""
    delay = task.retry_delay_s
    if task.retry_backoff:
        try:
            least = math.ceil(delay * task.retry_backoff ** (try_number - 1))
        except OverflowError:
            least = math.ceil(MAX_RETRY_DELAY_S)
        least = max(1, least)
        seed = f"{run.dag_id}#{task.task_id}#{run.logical_date}#{try_number}"
        jitter = int(hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest(), 16) % least
        delay = min(float(least + jitter), MAX_RETRY_DELAY_S)
    if task.max_retry_delay_s is not None:
        delay = min(delay, task.max_retry_delay_s)
    return min(max(0.0, delay), _LONGEST_S)


def _lost(
    task: TaskSpec,
    ti: TaskInstance,
    outcome: Vanished,
    now: datetime,
    run: Run,
    max_infra_losses: int,
) -> Verdict:
    if not outcome.before_start:
        return _failed_try(task, ti, now, run, outcome.reason, None)
    losses = ti.infra_losses + 1
    if losses <= max_infra_losses:
        return Verdict(TaskState.SCHEDULED, infra_loss=True, reason=outcome.reason)
    reason = f"lost {losses} times before it started; the last time: {outcome.reason}"
    return _failed_try(task, ti, now, run, reason, None)


def _failed_try(
    task: TaskSpec, ti: TaskInstance, now: datetime, run: Run, reason: str, delay_s: float | None
) -> Verdict:
    if ti.try_number > ti.max_tries:
        return Verdict(TaskState.FAILED, reason=reason)
    if delay_s is None:
        delay_s = retry_delay_s(task, ti.try_number, run)
    due = now + timedelta(seconds=min(max(0.0, delay_s), _LONGEST_S))
    return Verdict(TaskState.UP_FOR_RETRY, due_at=due, reason=reason)
