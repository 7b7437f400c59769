"""Run the callbacks that a task or a DAG is owed, in a process of their own."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tradewind.errors import Bug
from tradewind.model.event import RUN_EVENT
from tradewind.model.state import RunState, TaskState
from tradewind.sdk import current, outcomes, runtime, serde
from tradewind.sdk.context import Context, build_context, build_dag_context
from tradewind.sdk.dag_run import DagRun
from tradewind.sdk.deadline_callback import RunFacts
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.listener import get_listener_manager
from tradewind.sdk.task_instance import RuntimeTaskInstance
from tradewind.wire.messages import Assignment, GetTaskStates, MissedDeadline

log = logging.getLogger("tradewind.task")

_STATES = {
    "success": TaskState.SUCCESS,
    "failure": TaskState.FAILED,
    "retry": TaskState.UP_FOR_RETRY,
    "skipped": TaskState.SKIPPED,
}
"""The state that a task is in when it is owed a callback of this kind."""


class TaskFailed(AirflowException):
    """What `exception` is in a failure callback: the text of what the task raised."""


def run_callback(dag: Any, assignment: Assignment) -> None:
    """Run every callback of the kind that the assignment names.

    Raises:
        Exception: what the last callback that failed raised; the others have run all the same.
    """
    called = assignment.callback
    if called is None:
        raise Bug("an assignment of a callback does not say which")
    serde.trust_folder(code_root(dag, assignment))
    now = current.waiter().now()
    if assignment.task_id:
        subject = dag.get_task(assignment.task_id)
        context = build_context(dag, subject, assignment, now)
        context["ti"].ended(_STATES.get(called.kind, TaskState.FAILED), now)
    else:
        subject = dag
        context = build_dag_context(dag, assignment)
        _add_representative(context, dag, assignment, called.kind)
    context["reason"] = called.reason
    if called.kind.startswith(RUN_EVENT):
        _tell_of_run(context["dag_run"], called.kind.removeprefix(RUN_EVENT), called.reason)
        return
    if called.deadline is not None:
        context["dag_run"] = RunFacts.of(assignment.run)
        with current.running(context):
            _call_about_deadline(dag, called.deadline, context)
        return
    if called.kind in {"failure", "retry"}:
        context["exception"] = TaskFailed(called.reason or "the task failed")
    callbacks = _listed(getattr(subject, f"on_{called.kind}_callback", None))
    if assignment.task_id and subject.wants_mail(called.kind):
        from tradewind.sdk.mail import mail_about  # noqa: PLC0415  15 ms, seldom needed

        callbacks = [*callbacks, functools.partial(mail_about, called.kind, subject)]
    with current.running(context):
        _call_all(callbacks, context, called.kind)


def code_root(dag: Any, assignment: Assignment) -> str:
    """Return the folder that the DAG's code lies in: the DAG folder."""
    file = str(dag.fileloc)
    root = file.removesuffix(assignment.dag_file)
    if root and root != file:
        return root.rstrip("/") or "/"
    return os.path.dirname(file)  # noqa: PTH120  a string


def _call_all(callbacks: Sequence[Callable[..., Any]], context: Context, kind: str) -> None:
    failed: Exception | None = None
    for callback in callbacks:
        name = _name(callback)
        log.info("calls on_%s_callback %s", kind, name)
        try:
            callback(context)
        except Exception as error:  # noqa: BLE001  user code may raise anything
            outcomes.log_exception(f"on_{kind}_callback {name} failed", error)
            failed = error
    if failed is not None:
        raise failed


def _tell_of_run(run: DagRun, state: str, reason: str | None) -> None:
    """Tell the deployment's listeners what state a run came to."""
    run.state = RunState(state)
    get_listener_manager().tell(f"on_dag_run_{state}", dag_run=run, msg=reason or state)


def _call_about_deadline(dag: Any, missed: MissedDeadline, context: Context) -> None:
    alerts = dag.deadline or ()
    if missed.position >= len(alerts):
        raise Bug(f"DAG {dag.dag_id!r} has no deadline {missed.position} in the run's own code")
    context["deadline"] = {"id": str(missed.deadline_id), "deadline_time": missed.due_at}
    callback = alerts[missed.position].callback
    log.info("the deadline %s was missed: calls %s", missed.due_at, callback.path)
    try:
        callback.call(context)
    except Exception as error:
        outcomes.log_exception(f"the callback {callback.path} failed", error)
        raise


def _name(callback: Callable[..., Any]) -> str:
    if isinstance(callback, functools.partial):
        return _name(callback.func)
    return str(getattr(callback, "__name__", type(callback).__name__))


def _listed(callbacks: Any) -> Sequence[Callable[..., Any]]:
    if callbacks is None:
        return ()
    return callbacks if isinstance(callbacks, list | tuple) else (callbacks,)


def _add_representative(context: Context, dag: Any, assignment: Assignment, kind: str) -> None:
    """Give a DAG's callback a `ti`, as Airflow does: a failed task, else a last one."""

    def find(_context: Context) -> RuntimeTaskInstance:
        call = GetTaskStates(dag_id=assignment.run.dag_id, run_ids=(assignment.run.run_id,))
        states = runtime.call(call)["runs"].get(assignment.run.run_id, {})
        wanted = TaskState.FAILED if kind == "failure" else TaskState.SUCCESS
        name = next((n for n in reversed(states) if states[n] == wanted), None)
        name = name or next(iter(states), "")
        task_id, _, index = name.removesuffix("]").partition("[")
        own = msgspec.structs.replace(
            assignment, task_id=task_id, map_index=int(index) if index else -1
        )
        task = dag.get_task(task_id) if task_id in dag.task_dict else None
        ti = RuntimeTaskInstance(own, task, dag, current.waiter().now())
        ti.state = states.get(name)
        ti.context = context
        return ti

    context.later("ti", find)
    context.later("task_instance", lambda context: context["ti"])
    context.later("task", lambda context: context["ti"].task)
