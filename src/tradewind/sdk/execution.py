"""Run one attempt of a task: from the assignment to the outcome.

In this order: find the task (of a mapped one, make the instance), build the context, check the
params, render the template fields, call `pre_execute`, `execute` (or the method that goes on
after a deferral) under the execution timeout, `post_execute`, and collect what the task
returned and emitted. Whatever user code does becomes an `Execution`; nothing is raised for it.

What must commit together with the outcome (the returned value, asset events) is handed back,
not sent; what user code pushes or asks while it runs goes through `runtime` at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from tradewind.errors import DagError, NotFound
from tradewind.model.outcome import Failed, Outcome, SkippedBy, Succeeded
from tradewind.model.spec import LINK_KEY_PREFIX
from tradewind.sdk import current, outcomes, policies, serde
from tradewind.sdk.asset_events import emitted
from tradewind.sdk.assets import Asset, AssetAlias
from tradewind.sdk.callbacks import code_root, run_callback
from tradewind.sdk.context import Context, build_context
from tradewind.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTerminated,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
    UnmappableXComTypePushed,
    XComForMappingNotPushed,
)
from tradewind.sdk.execution_timeout import deadline
from tradewind.sdk.listener import EmittedAssetEvent, get_listener_manager
from tradewind.sdk.masking import redact
from tradewind.sdk.rendered import rendered_fields
from tradewind.sdk.templates import Renderer
from tradewind.sdk.triggers.base import TaskEnd
from tradewind.sdk.xcom import XCOM_RETURN_KEY, push
from tradewind.wire.messages import AssetEventOut, Assignment, Resume, XComValue

__all__ = ["Execution", "Loaded", "execute", "run_callback"]

log = logging.getLogger("tradewind.task")

FAIL_METHOD = "__fail__"
"""The method that a deferred task "goes on" in when its trigger failed."""
TRIGGER_TIMEOUT = "Trigger timeout"
TRIGGER_FAILURE = "Trigger failure"

_HEARD = {Succeeded: "success", Failed: "failed", SkippedBy: "skipped"}
"""What listeners are told of an outcome."""

_LABEL_LENGTH = 250
"""Characters of a rendered map index."""


@runtime_checkable
class Loaded(Protocol):
    """A DAG file that was imported."""

    @property
    def dags(self) -> Mapping[str, Any]:
        """Return its DAGs by id."""
        ...


class Execution(msgspec.Struct, kw_only=True):
    """What an attempt came to; the fields are those of `wire.messages.Finish`."""

    outcome: Outcome
    xcoms: tuple[XComValue, ...] = ()
    mapped_length: int | None = None
    returned: bool = False
    asset_events: tuple[AssetEventOut, ...] = ()
    rendered_fields: bytes | None = None
    rendered_map_index: str | None = None


def execute(dag: Any, assignment: Assignment, *, own_process: bool = False) -> Execution:
    """Run a task attempt and return what it came to.

    Args:
        dag: the loaded DAG.
        assignment: what the scheduler said about the attempt.
        own_process: this process is the attempt's alone and ends with it: its environment need
            not be put back.
    """
    execution = Execution(outcome=Failed(error="the task did not run"))
    try:
        serde.trust_folder(code_root(dag, assignment))
        declared = dag.get_task(assignment.task_id)
    except (DagError, NotFound) as error:
        outcomes.log_exception("the task cannot run", error)
        execution.outcome = Failed(error=outcomes.describe(error))
        return execution
    attempt = _Attempt(dag, declared, assignment, execution)
    with current.running(attempt.context):
        try:
            variables = _environment(attempt)
        except DagError as error:  # a policy of the deployment
            outcomes.log_exception("the task cannot run", error)
            execution.outcome = Failed(error=outcomes.describe(error))
            return execution
        if own_process:
            os.environ.update(variables)
            attempt.run()
        else:
            with _exported(variables):
                attempt.run()
    return execution


class _Attempt:
    """One attempt while it runs; fills in its `Execution`."""

    def __init__(
        self, dag: Any, declared: Any, assignment: Assignment, execution: Execution
    ) -> None:
        self.assignment = assignment
        self.execution = execution
        self.task = declared
        self.context: Context = build_context(dag, declared, assignment, current.waiter().now())

    def run(self) -> None:
        """Run the task and note the outcome."""
        execution, context = self.execution, self.context
        self._listened("running", "queued")
        try:
            execution.outcome = self._perform()
        except (AirflowTaskTimeout, AirflowTaskTerminated) as error:
            self._kill()
            execution.outcome = outcomes.of_failure(error, self.task, context)
        except KeyboardInterrupt:
            self._kill()
            raise
        except BaseException as error:  # noqa: BLE001  user code may raise anything
            execution.outcome = self._outcome_of(error)
        self._label()
        self._link()
        self._listened(_HEARD.get(type(execution.outcome)), "running")
        if isinstance(execution.outcome, Succeeded):
            self._told_of_assets()

    def _told_of_assets(self) -> None:
        """Tell listeners of the events that the task emits."""
        listeners, ti = get_listener_manager(), self.context["ti"]
        if not listeners.has_listeners:
            return
        for event in self.execution.asset_events:
            asset = Asset(name=event.name, uri=event.uri or event.name)
            told = EmittedAssetEvent(
                asset=asset,
                extra=event.extra,
                source_dag_id=ti.dag_id,
                source_task_id=ti.task_id,
                source_run_id=ti.run_id,
                source_map_index=ti.map_index,
                source_aliases=[AssetAlias(event.alias)] if event.alias else [],
            )
            listeners.tell("on_asset_changed", asset=asset)
            listeners.tell("on_asset_event_emitted", asset_event=told)

    def _listened(self, event: str | None, before: str) -> None:
        """Tell listeners, if there are any, how the try begins or has ended."""
        listeners = get_listener_manager()
        if event is not None and listeners.has_listeners:
            error = self.context.get("exception")
            ti = self.context["ti"]
            name = f"on_task_instance_{event}"
            listeners.tell(name, previous_state=before, task_instance=ti, error=error)

    def _outcome_of(self, error: BaseException) -> Outcome:
        self.context["exception"] = error
        try:
            return outcomes.of_exception(error, self.task, self.context)
        except Exception as problem:  # noqa: BLE001  a trigger's serialize() is user code
            return outcomes.of_failure(problem, self.task, self.context)

    def _perform(self) -> Outcome:
        data = self._instantiate()
        task, context = self.task, self.context
        _ = context["params"]  # a param that is missing or wrong fails the task before it starts
        Renderer(task, context, data=data).fields(task, task.template_fields)
        self.execution.rendered_fields = rendered_fields(task, task.template_fields)
        if self.assignment.resume is None:
            self._tell(task.on_execute_callback)
        outcome = Succeeded()
        try:
            task.pre_execute(context)
            if task.execution_timeout is None:
                result = self._call()
            else:
                with deadline(task.execution_timeout):
                    result = self._call()
            task.post_execute(context, result)
        except DownstreamTasksSkipped as skips:
            result, outcome = skips.result, outcomes.of_skips(skips)
        finally:
            if task.overwrite_rtif_after_execution:
                self.execution.rendered_fields = rendered_fields(task, task.template_fields)
        self._collect(result)
        return outcome

    def _instantiate(self) -> Sequence[Any]:
        """Make the task that runs; return the values in it that came from other tasks."""
        declared, data = self.task, []
        if declared.is_mapped:
            resolved = declared.resolve_expand(self.context)
            sources = declared.expand_input.sources
            data = [
                value
                for name, value in resolved.items()
                if hasattr(sources.get(name, sources.get("")), "resolve")
            ]
            self.task = declared.unmap(resolved)
        else:
            self.task = declared.prepare_for_execution()
        ti = self.context["ti"]
        ti.task = self.context["task"] = self.task
        return data

    def _call(self) -> Any:
        resume = self.assignment.resume
        if resume is None:
            return self.task.execute(self.context)
        method, kwargs = _continuation(resume)
        if isinstance(kwargs.get("event"), TaskEnd):
            return self._ended_by_trigger(kwargs["event"])
        return self.task.resume_execution(method, kwargs, self.context)

    def _ended_by_trigger(self, end: TaskEnd) -> Any:
        """End the task as its trigger said, without calling it."""
        if end.state == "failed":
            raise AirflowFailException("the trigger ended the task as failed")
        if end.state == "skipped":
            raise AirflowSkipException("the trigger ended the task as skipped")
        for key, value in end.xcoms.items():
            if key != XCOM_RETURN_KEY:
                push(key, value)
        return end.xcoms.get(XCOM_RETURN_KEY)

    def _tell(self, callbacks: Iterable[Callable[..., Any]]) -> None:
        for callback in callbacks:
            try:
                callback(self.context)
            except Exception as error:  # noqa: BLE001  user code may raise anything
                outcomes.log_exception("on_execute_callback failed", error)

    def _kill(self) -> None:
        try:
            self.task.on_kill()
        except Exception as error:  # noqa: BLE001  user code may raise anything
            outcomes.log_exception("on_kill failed", error)

    def _label(self) -> None:
        """Render the map index template, with what the task put into the context."""
        template = getattr(self.task, "map_index_template", None)
        if not template:
            return
        try:
            label = Renderer(self.task, self.context).render(template)
        except Exception as error:  # noqa: BLE001  a template may raise anything
            log.warning("map_index_template cannot be rendered: %s", outcomes.describe(error))
            return
        self.context["ti"].rendered_map_index = str(label)
        self.execution.rendered_map_index = redact(str(label))[:_LABEL_LENGTH]

    def _link(self) -> None:
        """Push the links to other systems as XComs: servers do not run the code that makes them."""
        for link in getattr(self.task, "operator_extra_links", ()):
            try:
                url = link.get_link(self.task, ti_key=self.context["ti"].key)
                if url:
                    push(LINK_KEY_PREFIX + link.name, str(url))
            except Exception as error:  # noqa: BLE001  user code may raise anything
                log.warning("the link %r cannot be made: %s", link.name, outcomes.describe(error))

    def _collect(self, result: Any) -> None:
        """Note what the task returned and emitted."""
        execution, task = self.execution, self.task
        if task.outlets:
            execution.asset_events = emitted(task.outlets, self.context["outlet_events"])
        pushed = result is not None and task.do_xcom_push
        if result is not None and (isinstance(result, list | dict | tuple) or _is_sequence(result)):
            execution.mapped_length = len(result)
        elif _is_mapped_over(self.context["dag"], task.task_id):
            raise UnmappableXComTypePushed(result) if pushed else XComForMappingNotPushed
        if not pushed:
            return
        xcoms = [_xcom(XCOM_RETURN_KEY, result)]
        if task.multiple_outputs:
            xcoms += _outputs(task, result)
        execution.xcoms = tuple(xcoms)
        execution.returned = True


def _continuation(resume: Resume) -> tuple[str, dict[str, Any]]:
    """Return the method that goes on after a deferral, and its arguments."""
    if resume.timed_out:
        return FAIL_METHOD, {"error": TRIGGER_TIMEOUT}
    if resume.error is not None:
        log.error("the trigger failed:\n%s", resume.error)
        last_line = resume.error.strip().rpartition("\n")[2]
        return FAIL_METHOD, {"error": last_line or TRIGGER_FAILURE}
    kwargs = serde.loads(resume.kwargs) if resume.kwargs else {}
    if resume.payload is not None:
        kwargs["event"] = serde.loads(resume.payload)
    return resume.method, kwargs


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _is_mapped_over(dag: Any, task_id: str) -> bool:
    """Tell whether a task or a group below is expanded over what one instance returns.

    The instances of a mapped task, or of one in a mapped group that what is below is not in,
    are mapped over together: each of them may return anything.
    """
    task = dag.get_task(task_id)
    if task.is_mapped or not task.downstream_task_ids:
        return False
    own = {group.node_id for group in task.iter_mapped_task_groups()}
    for below in task.downstream_list:
        around = list(below.iter_mapped_task_groups())
        names = [group.node_id for group in around]
        inputs = [(below.expand_input, names)]
        inputs += [(group.expand_input, names[i + 1 :]) for i, group in enumerate(around)]
        for one, outside in inputs:
            if one is not None and own <= set(outside) and _takes(one, task_id):
                return True
    return False


def _takes(expand_input: Any, task_id: str) -> bool:
    return any(task.task_id == task_id for task, _ in expand_input.iter_references())


def _xcom(key: str, value: Any) -> XComValue:
    return XComValue(key=key, value=serde.dumps(value, f"the XCom {key!r}"))


def _outputs(task: Any, result: Any) -> list[XComValue]:
    if not isinstance(result, Mapping):
        raise DagError(
            f"task {task.task_id!r} has multiple_outputs=True, so it must return a dict, not"
            f" {type(result).__name__}"
        )
    for key in result:
        if not isinstance(key, str):
            raise DagError(
                f"task {task.task_id!r} has multiple_outputs=True, so the keys of the dict that"
                f" it returns must be strings; {key!r} is {type(key).__name__}"
            )
    return [_xcom(key, value) for key, value in result.items()]


# ---- the environment --------------------------------------------------------------------


def _environment(attempt: _Attempt) -> dict[str, str]:
    """Return the variables that tell sub-processes what they run for."""
    ti, task = attempt.context["ti"], attempt.task
    logical = attempt.assignment.run.logical_date
    email = task.email or ()
    more = policies.context_variables(attempt.context)
    return {f"AIRFLOW_CTX_{name.upper()}": value for name, value in more.items()} | {
        "AIRFLOW_CTX_DAG_ID": ti.dag_id,
        "AIRFLOW_CTX_TASK_ID": ti.task_id,
        "AIRFLOW_CTX_DAG_RUN_ID": ti.run_id,
        "AIRFLOW_CTX_TRY_NUMBER": str(ti.try_number),
        "AIRFLOW_CTX_LOGICAL_DATE": logical.isoformat() if logical else "",
        "AIRFLOW_CTX_DAG_OWNER": task.owner,
        "AIRFLOW_CTX_DAG_EMAIL": email if isinstance(email, str) else ",".join(email),
    }


class _exported:  # noqa: N801  used as a statement
    """Set environment variables inside the block and put back what was there."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)

    def __exit__(self, *_exc: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
