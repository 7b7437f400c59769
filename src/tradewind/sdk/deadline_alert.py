"""Deadlines of a DAG: a callback when a run has not succeeded by a time.

    DAG(
        "report",
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=1),
            callback=SyncCallback(tell_people, kwargs={"channel": "#reports"}),
        ),
    )

When each run's deadlines are is worked out when the run is made (`tradewind.engine.deadlines`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tradewind.errors import DagError
from tradewind.model import deadline as model
from tradewind.model.deadline import DeadlineSpec
from tradewind.sdk import arguments
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.deadline_callback import AsyncCallback, Callback, SyncCallback
from tradewind.sdk.moments import plain_utc
from tradewind.sdk.variable import Variable

# ---- what a deadline counts from ----------------------------------------------------------


class BaseDeadlineReference:
    """What a deadline counts from; see `DeadlineReference` for those there are."""

    @property
    def reference_name(self) -> str:
        """Return the name of the kind of reference."""
        return type(self).__name__

    def as_spec(self) -> model.Reference:
        """Return it as data."""
        raise DagError(
            f"{type(self).__name__}: a deadline reference of your own would run in the scheduler, "
            "which runs no user code; use one of DeadlineReference's"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDeadlineReference):
            return NotImplemented
        return self.as_spec() == other.as_spec()

    def __hash__(self) -> int:
        return hash(self.as_spec())


class _Known(BaseDeadlineReference):
    def __init__(self, name: str, spec: model.Reference) -> None:
        self._name = name
        self._spec = spec

    @property
    def reference_name(self) -> str:
        return self._name

    def as_spec(self) -> model.Reference:
        return self._spec

    def __repr__(self) -> str:
        return f"<{self._name}>"


class DeadlineReference:
    """What a deadline may count from."""

    DAGRUN_LOGICAL_DATE: BaseDeadlineReference = _Known(
        "DagRunLogicalDateDeadline", model.LogicalDate()
    )
    """The run's logical date; a run without one has no such deadline."""
    DAGRUN_QUEUED_AT: BaseDeadlineReference = _Known("DagRunQueuedAtDeadline", model.QueuedAt())
    """When the run was queued; a clear that queues it again moves the deadline."""

    @classmethod
    def FIXED_DATETIME(cls, dt: datetime) -> BaseDeadlineReference:  # noqa: N802  Airflow's name
        """Return a reference to one moment.

        Args:
            dt: the moment; without a time zone it is in the deployment's default one.
        """
        at = arguments.checked(arguments.aware, "DeadlineReference.FIXED_DATETIME", "dt", dt)
        if at is None:
            raise ArgumentError("DeadlineReference.FIXED_DATETIME needs a datetime")
        return _Known("FixedDatetimeDeadline", model.FixedTime(plain_utc(at)))

    @classmethod
    def AVERAGE_RUNTIME(  # noqa: N802  Airflow's name
        cls, max_runs: int = 10, min_runs: int | None = None
    ) -> BaseDeadlineReference:
        """Return a reference to when the run would end if it took as long as earlier ones.

        Args:
            max_runs: so many of the latest successful runs count.
            min_runs: with fewer there is no deadline; by default max_runs.
        """
        max_runs = max_runs or model.AverageRuntime().max_runs
        least = max_runs if min_runs is None else min_runs
        if least < 1:
            raise ArgumentError(f"DeadlineReference.AVERAGE_RUNTIME: min_runs: {least} is below 1")
        spec = model.AverageRuntime(max_runs=max_runs, min_runs=least)
        return _Known("AverageRuntimeDeadline", spec)


class VariableInterval:
    """An interval of as many seconds as a variable says when the DAG file is parsed.

    Args:
        key: the variable; its value is a whole number.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def resolve(self) -> timedelta:
        """Return the interval.

        Raises:
            ArgumentError: the variable is not there, or is no number.
        """
        value = Variable.get(self.key, default=None)
        if value is None:
            raise ArgumentError(f"VariableInterval: there is no variable {self.key!r}")
        try:
            return timedelta(seconds=int(value))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"VariableInterval: the variable {self.key!r} must be a whole number of seconds, "
                f"not {value!r}"
            ) from None


# ---- together -----------------------------------------------------------------------------


class DeadlineAlert:
    """A deadline of a DAG.

    Args:
        reference: what it counts from, one of `DeadlineReference`.
        interval: how long after that; may be negative.
        callback: what is called when a run has not succeeded by then.
        name: shown to people.
    """

    def __init__(
        self,
        reference: BaseDeadlineReference,
        interval: timedelta | VariableInterval,
        callback: Callback,
        name: str | None = None,
    ) -> None:
        if not isinstance(reference, BaseDeadlineReference):
            raise ArgumentError(
                f"DeadlineAlert: reference: must be one of DeadlineReference, not {reference!r:.60}"
            )
        if not isinstance(interval, timedelta | VariableInterval):
            raise ArgumentError(
                f"DeadlineAlert: interval: must be a timedelta, not {type(interval).__name__}"
            )
        if not isinstance(callback, AsyncCallback | SyncCallback):
            raise ArgumentError(
                "DeadlineAlert: callback: must be AsyncCallback(…) or SyncCallback(…), not "
                f"{type(callback).__name__}"
            )
        self.reference = reference
        self.interval = interval
        self.callback = callback
        self.name = name

    def as_spec(self) -> DeadlineSpec:
        """Return the deadline as data; an interval from a variable is read now."""
        interval = self.interval
        if isinstance(interval, VariableInterval):
            interval = interval.resolve()
        return DeadlineSpec(
            reference=self.reference.as_spec(),
            interval_s=interval.total_seconds(),
            name=self.name,
        )


def alerts(value: Any) -> list[DeadlineAlert] | None:
    """Return the DAG argument `deadline` as a list.

    Raises:
        ArgumentError: it is no deadline.
    """
    if value is None:
        return None
    found = list(value) if isinstance(value, list | tuple) else [value]
    for one in found:
        if not isinstance(one, DeadlineAlert):
            raise ArgumentError(f"must be a DeadlineAlert or a list of them, not {one!r:.60}")
    return found
