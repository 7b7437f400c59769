"""ExternalTaskSensor: wait for another DAG's run, or for tasks in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import runtime
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.external import External, as_tuple
from tradewind.sdk.injection import call_with_context
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.triggers.external_task import WorkflowTrigger
from tradewind.wire.messages import GetRunStates


class ExternalTaskFailedError(AirflowException):
    """What the sensor waits for came to one of its failed states."""


class ExternalDagNotFoundError(AirflowException):
    """The DAG that the sensor waits for does not exist."""


class ExternalTaskSensor(BaseSensorOperator):
    """Wait until another DAG's run of the same logical date, or tasks in it, have succeeded.

    A run without a logical date looks for runs at the time at which it was due itself.

    Args:
        external_dag_id: the other DAG; templated.
        external_task_id: one task of it; templated.
        external_task_ids: several tasks; templated.
        external_task_group_id: all tasks of a group; templated. Without any of the three, the
            run itself is looked at.
        allowed_states: what to wait for (default success).
        skipped_states: states in which this task is skipped.
        failed_states: states in which this task fails.
        execution_delta: how much earlier the other run's logical date is.
        execution_date_fn: computes the other run's logical date, or several of them, from this
            one's; it is given the context values that it names.
        check_existence: fail at once when there is no such DAG.
        poll_interval: seconds between two looks of the trigger.
        deferrable: wait in the triggerer instead of a process.

    Raises:
        DagError: the arguments do not fit together.
    """

    template_fields: Sequence[str] = (
        "external_dag_id",
        "external_task_id",
        "external_task_ids",
        "external_task_group_id",
    )
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str | None = None,
        external_task_ids: Collection[str] | None = None,
        external_task_group_id: str | None = None,
        allowed_states: Iterable[str] | None = None,
        skipped_states: Iterable[str] | None = None,
        failed_states: Iterable[str] | None = None,
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poll_interval: float = 2.0,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.external_task_ids = list(external_task_ids) if external_task_ids else None
        self.external_task_group_id = external_task_group_id
        self.skipped_states = [str(s) for s in skipped_states or ()]
        self.failed_states = [str(s) for s in failed_states or ()]
        self.allowed_states = [str(s) for s in allowed_states or ("success",)]
        self.execution_delta = execution_delta
        self.execution_date_fn = execution_date_fn
        self.check_existence = check_existence
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self._exists = False
        self._check_arguments()

    def _check_arguments(self) -> None:
        given = [self.external_task_id, self.external_task_ids, self.external_task_group_id]
        if sum(value is not None for value in given) > 1:
            raise DagError(
                f"{self.described}: give one of external_task_id, external_task_ids and"
                " external_task_group_id"
            )
        if self.execution_delta is not None and self.execution_date_fn is not None:
            raise DagError(f"{self.described}: give execution_delta or execution_date_fn, not both")
        states = [*self.allowed_states, *self.skipped_states, *self.failed_states]
        twice = sorted({state for state in states if states.count(state) > 1})
        if twice:
            raise DagError(
                f"{self.described}: {', '.join(twice)} is in more than one of allowed_states,"
                " skipped_states and failed_states"
            )

    def execute(self, context: Any) -> Any:
        """Wait."""
        self._check_existence()
        wanted = self._wanted(context)
        if self.deferrable and not self._judge(wanted):
            self.defer(
                trigger=WorkflowTrigger(
                    external_dag_id=self.external_dag_id,
                    logical_dates=list(wanted.logical_dates),
                    external_task_ids=list(wanted.task_ids) or None,
                    external_task_group_id=wanted.group_id,
                    allowed_states=self.allowed_states,
                    skipped_states=self.skipped_states,
                    failed_states=self.failed_states,
                    poke_interval=self.poll_interval,
                    soft_fail=self.soft_fail,
                ),
                method_name="execute_complete",
                timeout=self.timeout,
            )
        return super().execute(context)

    def poke(self, context: Any) -> bool:
        """Look once."""
        return self._judge(self._wanted(context))

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Go on when it is decided."""
        del context
        self._conclude((event or {}).get("status"))

    def _wanted(self, context: Any) -> External:
        task_ids = as_tuple(self.external_task_ids) or as_tuple(self.external_task_id)
        return External(
            dag_id=self.external_dag_id,
            logical_dates=self._dates(context),
            task_ids=task_ids,
            group_id=self.external_task_group_id,
            allowed=frozenset(self.allowed_states),
            skipped=frozenset(self.skipped_states),
            failed=frozenset(self.failed_states),
        )

    def _dates(self, context: Any) -> tuple[datetime, ...]:
        run = context["ti"].assignment.run
        logical: datetime = run.logical_date or run.run_after
        if self.execution_delta is not None:
            return (logical - self.execution_delta,)
        if self.execution_date_fn is not None:
            own = context.get("logical_date") or context["dag_run"].run_after
            found = call_with_context(self.execution_date_fn, (own,), {}, _without_dates(context))
            return tuple(found) if isinstance(found, list | tuple) else (found,)
        return (logical,)

    def _judge(self, wanted: External) -> bool:
        dates = ", ".join(date.isoformat() for date in wanted.logical_dates)
        self.log.info("waits for %s at %s", self._what(), dates)
        return self._conclude(wanted.judge(runtime.call(wanted.call())))

    def _conclude(self, status: str | None) -> bool:
        if status == "failed":
            text = f"{self._what()} came to one of the states {', '.join(self.failed_states)}"
            if self.soft_fail:
                raise AirflowSkipException(text)
            raise ExternalTaskFailedError(text)
        if status == "skipped":
            raise AirflowSkipException(f"{self._what()} was skipped")
        return status == "success"

    def _what(self) -> str:
        if self.external_task_group_id:
            return f"group {self.external_task_group_id} of DAG {self.external_dag_id}"
        tasks = as_tuple(self.external_task_ids) or as_tuple(self.external_task_id)
        return f"{', '.join(tasks) or 'the run'} of DAG {self.external_dag_id}"

    def _check_existence(self) -> None:
        if not self.check_existence or self._exists:
            return
        reply = runtime.call(GetRunStates(dag_id=self.external_dag_id, run_ids=("",)))
        if not reply.get("exists", True):
            raise ExternalDagNotFoundError(f"there is no DAG {self.external_dag_id!r}")
        self._exists = True


def _without_dates(context: Any) -> Any:
    """Return the context without the name that the function's first argument may have."""
    copy = context.copy()
    for name in ("logical_date", "execution_date", "dt"):
        dict.pop(copy, name, None)
    return copy


class ExternalTaskMarker(EmptyOperator):
    """Say that a task of another DAG waits for this one (shown, and cleared along with it).

    Args:
        external_dag_id: the other DAG; templated.
        external_task_id: its task; templated.
        logical_date: of its run, as text; templated.
        recursion_depth: how many such links to follow at most.
    """

    template_fields: Sequence[str] = ("external_dag_id", "external_task_id", "logical_date")
    ui_color = "#4db7db"

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: str | datetime | None = "{{ logical_date.isoformat() }}",
        recursion_depth: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.external_dag_id = external_dag_id
        self.external_task_id = external_task_id
        self.logical_date = (
            logical_date.isoformat() if isinstance(logical_date, datetime) else logical_date
        )
        if recursion_depth <= 0:
            raise DagError(f"{self.described}: recursion_depth must be a positive number")
        self.recursion_depth = recursion_depth
