"""What follows from an attempt's outcome: success, another try, or the end.

Retry back-off is Airflow's: m = ceil(delay × factor^(try−1)); the delay is m plus a part of m
that depends on the task instance and the try alone (so that a herd spreads out and a test can
know it), never more than the task's maximum.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta

import msgspec

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
"""The longest back-off when the task names none (Airflow's default)."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The state that follows, when it becomes due, and why.

    free: an infrastructure loss before user code began; it costs no retry.
    """

    state: TaskState
    due_at: datetime | None = None
    reason: str | None = None
    free: bool = False


def settle(
    task: TaskSpec, ti: TaskInstance, run: Run, outcome: Outcome, now: datetime, max_losses: int
) -> Verdict:
    """Return what an attempt's outcome means for its task instance."""
    if isinstance(outcome, Succeeded):
        return Verdict(state=TaskState.SUCCESS)
    if isinstance(outcome, SkippedBy):
        return Verdict(state=TaskState.SKIPPED, reason=outcome.reason or None)
    if isinstance(outcome, Rescheduled):
        return Verdict(state=TaskState.UP_FOR_RESCHEDULE, due_at=outcome.at)
    if isinstance(outcome, Deferred):
        due_at = None
        if outcome.timeout_s is not None:
            due_at = now + timedelta(seconds=outcome.timeout_s)
        return Verdict(state=TaskState.DEFERRED, due_at=due_at)
    if isinstance(outcome, Vanished):
        return _vanished(task, ti, run, outcome, now, max_losses)
    return _failed(task, ti, run, outcome, now)


def retry_delay(task: TaskSpec, ti: TaskInstance, run: Run) -> timedelta:
    """Return the pause before the next try."""
    delay_s = task.retry_delay_s
    if task.retry_backoff:
        longest_s = task.max_retry_delay_s or MAX_RETRY_DELAY_S
        factor = task.retry_backoff ** max(0, ti.try_number - 1)
        base = max(1, math.ceil(min(delay_s * factor, longest_s)))
        date = str(run.logical_date or run.run_after)
        name = f"{run.dag_id}#{ti.task_id}#{date}#{ti.try_number}"
        digest = int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16)
        delay_s = min(base + digest % base, longest_s)
    return timedelta(seconds=delay_s)


def _failed(task: TaskSpec, ti: TaskInstance, run: Run, outcome: Failed, now: datetime) -> Verdict:
    if not outcome.retryable or ti.try_number > ti.max_tries:
        return Verdict(state=TaskState.FAILED, reason=outcome.error)
    delay = retry_delay(task, ti, run)
    if outcome.retry_delay_s is not None:
        delay = timedelta(seconds=outcome.retry_delay_s)
    return Verdict(state=TaskState.UP_FOR_RETRY, due_at=now + delay, reason=outcome.error)


def _vanished(
    task: TaskSpec,
    ti: TaskInstance,
    run: Run,
    outcome: Vanished,
    now: datetime,
    max_losses: int,
) -> Verdict:
    if outcome.before_start:
        if ti.infra_losses < max_losses:
            return Verdict(state=TaskState.SCHEDULED, reason=outcome.reason, free=True)
        reason = f"{outcome.reason} ({ti.infra_losses + 1} times before it could start)"
        return Verdict(state=TaskState.FAILED, reason=reason)
    return _failed(task, ti, run, Failed(error=outcome.reason), now)
