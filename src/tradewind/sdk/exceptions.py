"""The exceptions that DAG files raise and catch, under Airflow's names.

Some are errors, some are ways to end a task: an operator says "skip me", "start me again
later" or "a trigger waits for me" by raising. The control exceptions that must pass through
`except Exception` in user code derive from `BaseException`.

Errors about a DAG file are also `tradewind.errors.DagError`, so that the processor and the
CLI know whose fault they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from tradewind import errors

if TYPE_CHECKING:
    from tradewind.model.outcome import Question
    from tradewind.sdk.triggers.base import BaseTrigger


class AirflowException(Exception):
    """Base of what operators and hooks raise."""

    status_code = 500


# ---- a DAG file that is not right -------------------------------------------------------


class AirflowDagCycleException(AirflowException, errors.DagCycle):
    """The DAG's tasks depend on each other in a circle."""


class AirflowClusterPolicyViolation(AirflowException, errors.DagError):
    """A policy of the deployment refuses a DAG or a task."""


class AirflowClusterPolicySkipDag(AirflowException):
    """A policy of the deployment leaves a DAG out."""


class DuplicateTaskIdFound(AirflowException, errors.DagError):
    """Two tasks or groups of a DAG have the same id."""


class FailFastDagInvalidTriggerRule(AirflowException, errors.DagError):
    """A DAG with fail_fast has a task whose trigger rule is not all_success."""


class TaskAlreadyInTaskGroup(AirflowException, errors.DagError):
    """A task cannot be in two task groups."""


class AirflowTimetableInvalid(AirflowException, errors.DagError):
    """The DAG's schedule is not right."""


class ParamValidationError(AirflowException, errors.UserError):
    """A param has no value, or one that its schema refuses."""


# ---- things that do not exist -----------------------------------------------------------


class AirflowNotFoundException(AirflowException, errors.NotFound):
    """There is no such thing."""

    status_code = 404


class TaskNotFound(AirflowNotFoundException):
    """The DAG has no such task."""


class DagNotFound(AirflowNotFoundException):
    """There is no such DAG."""


class DagRunNotFound(AirflowNotFoundException):
    """There is no such DAG run."""


class PoolNotFound(AirflowNotFoundException):
    """There is no such pool."""


class TaskInstanceNotFound(AirflowNotFoundException):
    """There is no such task instance."""


class DagRunAlreadyExists(AirflowException, errors.AlreadyExists):
    """The DAG run exists already."""


class XComNotFound(AirflowException):
    """The task pushed no such XCom."""

    def __init__(self, dag_id: str, task_id: str, key: str) -> None:
        super().__init__(dag_id, task_id, key)
        self.dag_id = dag_id
        self.task_id = task_id
        self.key = key

    def __str__(self) -> str:
        return (
            f"task {self.task_id!r} of DAG {self.dag_id!r} pushed no XCom with the key"
            f" {self.key!r}; was it skipped, or does it return None?"
        )


class ErrorType(Enum):
    """What a failed call to the server was about."""

    CONNECTION_NOT_FOUND = "CONNECTION_NOT_FOUND"
    VARIABLE_NOT_FOUND = "VARIABLE_NOT_FOUND"
    XCOM_NOT_FOUND = "XCOM_NOT_FOUND"
    ASSET_NOT_FOUND = "ASSET_NOT_FOUND"
    DAGRUN_ALREADY_EXISTS = "DAGRUN_ALREADY_EXISTS"
    GENERIC_ERROR = "GENERIC_ERROR"


class AirflowRuntimeError(AirflowException):
    """A call from a task to the server failed."""

    error_type = ErrorType.GENERIC_ERROR


class VariableNotFound(AirflowNotFoundException, AirflowRuntimeError, KeyError):
    """There is no such variable. A KeyError as well, as DAG files for Airflow 2 expect."""

    error_type = ErrorType.VARIABLE_NOT_FOUND

    def __str__(self) -> str:
        return Exception.__str__(self)


class ConnectionNotFound(AirflowNotFoundException, AirflowRuntimeError):
    """There is no such connection."""

    error_type = ErrorType.CONNECTION_NOT_FOUND


class AirflowConfigException(AirflowException, errors.ConfigError):
    """The configuration is not right."""


class AirflowOptionalProviderFeatureException(AirflowException):
    """A feature needs a package that is not installed."""


# ---- ways to end a task -----------------------------------------------------------------


class AirflowSkipException(AirflowException):
    """Raise it to end the task as skipped."""


class AirflowFailException(AirflowException):
    """Raise it to fail the task for good, whatever retries remain."""


class AirflowSensorTimeout(AirflowException):
    """A sensor saw nothing within its `timeout`. Not retried."""


class AirflowRescheduleException(AirflowException):
    """Raise it to give the slot back and start again at `reschedule_date`."""

    def __init__(self, reschedule_date: datetime) -> None:
        super().__init__(reschedule_date)
        self.reschedule_date = reschedule_date

    def __str__(self) -> str:
        return f"start again at {self.reschedule_date.isoformat()}"


class AirflowTaskTimeout(BaseException):
    """The task ran longer than its `execution_timeout`."""


class AirflowTaskTerminated(BaseException):
    """The task was asked to stop (SIGTERM): cleared, marked, timed out or shut down."""


class TaskAwaitingInput(BaseException):
    """Raise it to ask a person and give the slot back; `method_name` goes on with the answer.

    Args:
        question: what is asked.
        method_name: the operator's method that goes on, called with `context`, `event` (the
            answer) and `kwargs`.
        kwargs: must be serialisable.
        timeout: how long to wait for an answer.
    """

    def __init__(
        self,
        *,
        question: Question,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        super().__init__()
        self.question = question
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timeout


class TaskDeferred(BaseException):
    """Raise it (or call `defer()`) to hand over to a trigger and give the slot back.

    Args:
        trigger: what to wait for.
        method_name: the operator's method that goes on, called with `context`, `event` and
            `kwargs`.
        kwargs: must be serialisable.
        timeout: how long the trigger may take (a timedelta, or seconds).
    """

    def __init__(
        self,
        *,
        trigger: BaseTrigger,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> None:
        super().__init__()
        self.trigger = trigger
        self.method_name = method_name
        self.kwargs = kwargs
        self.timeout = timedelta(seconds=timeout) if isinstance(timeout, int | float) else timeout

    def __str__(self) -> str:
        return f"deferred to {type(self.trigger).__name__}, goes on in {self.method_name}()"


class TaskDeferralError(AirflowException):
    """The trigger that the task waited for failed."""


class TaskDeferralTimeout(AirflowException):
    """The trigger that the task waited for took too long."""


class DownstreamTasksSkipped(AirflowException):
    """The task succeeds and these downstream tasks are skipped: a branch or a short-circuit.

    Args:
        tasks: ids of downstream tasks, or (id, map index) pairs.
        all_downstream: skip everything below, whatever the trigger rules say.
        result: what the task returns (pushed as its XCom).
    """

    def __init__(
        self,
        *,
        tasks: Sequence[str | tuple[str, int]] = (),
        all_downstream: bool = False,
        result: Any = None,
    ) -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.all_downstream = all_downstream
        self.result = result

    def __str__(self) -> str:
        return f"skips {', '.join(map(str, self.tasks)) or 'everything downstream'}"


class DagRunTriggerException(AirflowException):
    """A run could not be triggered."""


class AirflowBadRequest(AirflowException):
    """The request cannot be done as asked."""

    status_code = 400


class UnmappableXComTypePushed(AirflowException, errors.DagError):
    """A task that others are mapped over returned something that is not a list or a dict."""

    def __init__(self, value: Any) -> None:
        super().__init__(
            f"a task is expanded over this one, so it must return a list or a dict,"
            f" not {type(value).__name__}"
        )
        self.value = value


class UnmappableXComLengthPushed(AirflowException, errors.DagError):
    """A task that others are mapped over returned too long a list."""


class XComForMappingNotPushed(AirflowException, errors.DagError):
    """A task that others are mapped over returned nothing."""

    def __init__(self) -> None:
        super().__init__(
            "a task is expanded over this one, so it must return a list or a dict"
            " (and do_xcom_push must not be False)"
        )


class AirflowInactiveAssetInInletOrOutletException(AirflowException):
    """An asset among the task's inlets or outlets is not active."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """An old spelling that still works."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """An old spelling of a provider package that still works."""
