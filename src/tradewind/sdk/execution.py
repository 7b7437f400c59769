"""Run one attempt of a task: from the assignment to the outcome.

Whatever user code does (return, raise, skip, defer, reschedule) becomes a value; this never
raises for a user's error.
"""

from __future__ import annotations

import copy
import logging
import signal
import traceback
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import FrameType
from typing import Any

import msgspec

from tradewind.errors import DagError
from tradewind.model.outcome import (
    Deferred,
    Failed,
    Outcome,
    Rescheduled,
    SkippedBy,
    Succeeded,
)
from tradewind.sdk import serde
from tradewind.sdk.context import Context, build, entered
from tradewind.sdk.decorators import pick
from tradewind.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from tradewind.sdk.loading import Loaded
from tradewind.sdk.templates import render_fields, render_template
from tradewind.sdk.xcom_arg import RETURN_VALUE
from tradewind.wire.messages import AssetEventOut, Assignment, XComValue

log = logging.getLogger("tradewind.task")

__all__ = ["Execution", "Loaded", "execute", "run_callback"]

_SHOWN = 2_000
"""Characters of a rendered field that are kept."""


class Execution(msgspec.Struct, kw_only=True):
    """What an attempt came to."""

    outcome: Outcome
    xcoms: tuple[XComValue, ...] = ()
    mapped_length: int | None = None
    returned: bool = False
    asset_events: tuple[AssetEventOut, ...] = ()
    rendered_fields: bytes | None = None
    rendered_map_index: str | None = None


def execute(dag: Any, assignment: Assignment) -> Execution:
    """Run a task attempt.

    Args:
        dag: the loaded DAG.
        assignment: what to run.
    """
    execution = Execution(outcome=Failed(error="the task was not run"))
    try:
        task = _task(dag, assignment)
    except DagError as error:
        log.error("%s", error)  # noqa: TRY400  the text is trimmed
        return Execution(outcome=Failed(error=str(error), retryable=False))
    context = build(dag, task, assignment)
    with entered(context), _Deadline(task.execution_timeout):
        execution.outcome = _outcome(lambda: _run(task, context, assignment, execution), task)
    return execution


def _task(dag: Any, assignment: Assignment) -> Any:
    # A shallow copy, so that rendering leaves the file's own object as it was.
    return copy.copy(dag.get_task(assignment.task_id))


def _run(task: Any, context: Context, assignment: Assignment, execution: Execution) -> Any:
    if task.is_mapped:
        _unmap(task, context, assignment)
    rendered = render_fields(task, context)
    if rendered:
        execution.rendered_fields = _shown(rendered)
    for callback in _list(task.on_execute_callback):
        callback(context)
    if task.pre_execute is not None:
        task.pre_execute(context)
    if assignment.resume is not None:
        result = _resume(task, context, assignment)
    else:
        result = task.execute(context)
    if task.post_execute is not None:
        task.post_execute(context, result)
    _push(task, result, execution)
    execution.asset_events = _events(task)
    if task.map_index_template:
        execution.rendered_map_index = str(render_template(task, task.map_index_template, context))
    return result


def _unmap(task: Any, context: Context, assignment: Assignment) -> None:
    """Give a mapped task its own element of each mapped argument."""
    level = next(one for one in assignment.map_levels if one.group_id is None)
    picked = pick(task.expand_input, level.lengths, level.index, context)
    values = picked.get("", picked)
    if getattr(task, "maps_callable", False):
        task.op_kwargs = {**task.op_kwargs, **values}
        return
    for name, value in values.items():
        object.__setattr__(task, name, value)


def _resume(task: Any, context: Context, assignment: Assignment) -> Any:
    resume = assignment.resume
    assert resume is not None
    if resume.timed_out:
        raise TaskDeferralTimeout("the trigger did not fire in time")
    if resume.error is not None:
        raise TaskDeferralError(resume.error)
    kwargs = serde.loads(resume.kwargs) if resume.kwargs else {}
    event = serde.loads(resume.payload) if resume.payload is not None else None
    return getattr(task, resume.method)(context, event=event, **kwargs)


def _push(task: Any, result: Any, execution: Execution) -> None:
    if result is None or not task.do_xcom_push:
        return
    xcoms = [XComValue(key=RETURN_VALUE, value=serde.dumps(result))]
    if task.multiple_outputs:
        if not isinstance(result, dict):
            raise DagError(
                f"task {task.task_id!r} has multiple_outputs and must return a dict, "
                f"not {type(result).__name__}"
            )
        xcoms += [XComValue(key=str(k), value=serde.dumps(v)) for k, v in result.items()]
    execution.xcoms = tuple(xcoms)
    execution.returned = True
    if isinstance(result, list | tuple | dict | set | frozenset):
        execution.mapped_length = len(result)


def _events(task: Any) -> tuple[AssetEventOut, ...]:
    return tuple(
        AssetEventOut(name=outlet.name, uri=getattr(outlet, "uri", ""))
        for outlet in _list(task.outlets)
    )


def _outcome(run: Callable[[], Any], task: Any) -> Outcome:  # noqa: PLR0911  one line an ending
    try:
        run()
    except DownstreamTasksSkipped as skipped:
        return Succeeded(
            skip=tuple(t if isinstance(t, str) else t[0] for t in skipped.tasks),
            skip_all_downstream=skipped.all_downstream,
        )
    except AirflowSkipException as skip:
        log.info("skipped: %s", skip)
        return SkippedBy(reason=str(skip))
    except AirflowRescheduleException as again:
        return Rescheduled(at=again.reschedule_date)
    except TaskDeferred as deferred:
        return _deferred(deferred)
    except (AirflowFailException, AirflowSensorTimeout) as error:
        log.exception("failed, not to be retried")
        return Failed(error=_one_line(error), retryable=False)
    except AirflowTaskTimeout as error:
        log.error("%s", error)  # noqa: TRY400  the text is trimmed
        _kill(task)
        return Failed(error=str(error))
    except AirflowTaskTerminated as error:
        _kill(task)
        return Failed(error=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  user code may raise anything
        log.error("failed:\n%s", _trimmed(error))  # noqa: TRY400  the text is trimmed
        return Failed(error=_one_line(error))
    return Succeeded()


def _deferred(deferred: TaskDeferred) -> Outcome:
    classpath, kwargs = deferred.trigger.serialize()
    timeout = deferred.timeout
    log.info("deferred to %s", classpath)
    return Deferred(
        trigger=classpath,
        kwargs=serde.dumps(kwargs),
        next_method=deferred.method_name,
        next_kwargs=serde.dumps(deferred.kwargs or {}),
        timeout_s=timeout.total_seconds() if timeout is not None else None,
    )


def _kill(task: Any) -> None:
    try:
        task.on_kill()
    except Exception:
        log.exception("on_kill failed")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


def _trimmed(error: BaseException) -> str:
    """Return the traceback from the user's first frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if "/tradewind/sdk/" in frame.filename]
    keep = frames[own[-1] + 1 :] if own and own[-1] + 1 < len(frames) else frames
    text = "".join(traceback.format_list(list(keep)))
    return text + "".join(traceback.format_exception_only(error))


def _shown(rendered: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: _short(value) for name, value in rendered.items()})


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _list(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


class _Deadline:
    """Raise AirflowTaskTimeout in user code when the execution timeout is over."""

    def __init__(self, timeout: timedelta | None) -> None:
        self._timeout_s = timeout.total_seconds() if timeout is not None else None

    def __enter__(self) -> None:
        """Start the timer."""
        if self._timeout_s is not None:
            signal.signal(signal.SIGALRM, self._over)
            signal.setitimer(signal.ITIMER_REAL, self._timeout_s)

    def __exit__(self, *_exc: object) -> None:
        """Stop the timer."""
        if self._timeout_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _over(self, _signum: int, _frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"execution_timeout of {self._timeout_s:g} s is over")


def run_callback(dag: Any, assignment: Assignment) -> None:
    """Run the callbacks of one kind of a task or of the DAG."""
    called = assignment.callback
    if called is None:
        return
    subject = dag.get_task(assignment.task_id) if assignment.task_id else dag
    context = build(dag, subject if assignment.task_id else None, assignment)
    context["reason"] = called.reason
    context["exception"] = RuntimeError(called.reason) if called.reason else None
    with entered(context):
        for callback in _list(getattr(subject, f"on_{called.kind}_callback", None)):
            callback(context)
