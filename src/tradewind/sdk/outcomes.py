"""What user code did, as an outcome.

Returning, raising, skipping, deferring, rescheduling: each is one value. Facts only; the engine
makes states of them.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewind.errors import TradewindError
from tradewind.model.outcome import (
    Deferred,
    Failed,
    Outcome,
    Rescheduled,
    SkippedBy,
    Succeeded,
)
from tradewind.sdk import serde
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)
from tradewind.sdk.masking import redact
from tradewind.sdk.retry_policy import RetryAction, RetryDecision

log = logging.getLogger("tradewind.task")

_ERROR_LENGTH = 1_000
"""Characters of an error's text that are kept beside the state; the log has all of it."""

_OUR_FILES = str(Path(__file__).parent) + "/"

FAILURES = (AirflowTaskTimeout, AirflowTaskTerminated, SystemExit, Exception)
"""What user code may raise to fail. KeyboardInterrupt is the person's at the terminal."""


def of_exception(error: BaseException, task: Any, context: Any) -> Outcome:
    """Return the outcome of a task that raised."""
    match error:
        case DownstreamTasksSkipped():
            return of_skips(error)
        case AirflowSkipException():
            log.info("skipped: %s", error)
            return SkippedBy(reason=_line(str(error)))
        case AirflowRescheduleException():
            at = _aware(error.reschedule_date)
            log.info("starts again at %s", at.isoformat(timespec="seconds"))
            return Rescheduled(at=at)
        case TaskDeferred():
            return _of_deferral(error, task)
        case TaskAwaitingInput():
            log.info("asks a person: %s", error.question.subject)
            return Deferred(
                trigger="",
                kwargs=b"{}",
                next_method=error.method_name,
                next_kwargs=serde.dumps(error.kwargs or {}, "the kwargs of TaskAwaitingInput"),
                timeout_s=None if error.timeout is None else error.timeout.total_seconds(),
                question=error.question,
            )
        case _:
            return of_failure(error, task, context)


def of_skips(error: DownstreamTasksSkipped) -> Succeeded:
    """Return the outcome of a branch or a short-circuit."""
    names = [t if isinstance(t, str) else t[0] for t in error.tasks]
    if error.all_downstream:
        log.info("skips everything downstream")
    elif names:
        log.info("skips %s", ", ".join(names))
    return Succeeded(skip=tuple(names), skip_all_downstream=error.all_downstream)


def of_failure(error: BaseException, task: Any, context: Any) -> Failed:
    """Return the outcome of a task that failed, and log why."""
    log_exception("the task failed", error)
    text = describe(error)
    if isinstance(error, AirflowFailException | AirflowSensorTimeout):
        return Failed(error=text, retryable=False)
    decision = _ask_policy(error, task, context)
    if decision is None or decision.action is RetryAction.DEFAULT:
        return Failed(error=text)
    log.info("the retry policy says: %s%s", decision.action, _because(decision))
    if decision.action is RetryAction.FAIL:
        return Failed(error=text, retryable=False)
    delay = decision.retry_delay
    return Failed(error=text, retry_delay_s=None if delay is None else delay.total_seconds())


def _ask_policy(error: BaseException, task: Any, context: Any) -> RetryDecision | None:
    policy = getattr(task, "retry_policy", None)
    if policy is None:
        return None
    ti = context["ti"]
    try:
        decision: RetryDecision = policy.evaluate(error, ti.try_number, ti.max_tries, context)
    except Exception as problem:  # noqa: BLE001  a policy is user code
        log_exception("the retry policy failed; the task's own retries apply", problem)
        return None
    return decision


def _because(decision: RetryDecision) -> str:
    return f" ({decision.reason})" if decision.reason else ""


def _of_deferral(deferred: TaskDeferred, task: Any) -> Deferred:
    """Return the outcome of a task that waits for a trigger.

    Raises:
        DagError: the trigger's arguments cannot be stored.
    """
    classpath, kwargs = deferred.trigger.serialize()
    timeouts = [t for t in (deferred.timeout, getattr(task, "execution_timeout", None)) if t]
    log.info("deferred to %s, goes on in %s()", classpath, deferred.method_name)
    return Deferred(
        trigger=classpath,
        kwargs=serde.dumps(kwargs, f"the arguments of the trigger {classpath}"),
        next_method=deferred.method_name,
        next_kwargs=serde.dumps(deferred.kwargs or {}, "the kwargs of defer()"),
        timeout_s=min(timeouts, default=timedelta()).total_seconds() if timeouts else None,
    )


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# ---- telling people ---------------------------------------------------------------------


def describe(error: BaseException) -> str:
    """Return one line that says what was raised."""
    if isinstance(error, AirflowTaskTerminated):
        return _line(str(error) or "the task was asked to stop (SIGTERM)")
    if isinstance(error, SystemExit):
        return f"the task called sys.exit({error.code!r})"
    text = str(error)
    return _line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _line(text: str) -> str:
    # Hidden before it is cut: half a secret would be recognised by nobody.
    line = " ".join(redact(text).split())
    return line if len(line) <= _ERROR_LENGTH else line[: _ERROR_LENGTH - 1] + "…"


def log_exception(what: str, error: BaseException) -> None:
    """Log an exception with its traceback from the user's first frame on."""
    log.error("%s", what, exc_info=(type(error), error, _trimmed(error)))


def _trimmed(error: BaseException) -> TracebackType | None:
    """Return an exception's traceback without the frames of ours that led to user code."""
    frame = error.__traceback__
    while frame is not None and _is_ours(frame):
        frame = frame.tb_next
    if frame is None and isinstance(error, AirflowException | TradewindError):
        return None  # one of ours says it all: "the bash command ended with exit code 1"
    return frame or error.__traceback__


def _is_ours(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_OUR_FILES)
