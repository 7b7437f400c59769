"""Sensors that wait for a time: of day, or a date and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any, NoReturn

from tradewind.errors import DagError
from tradewind.sdk import current
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.triggers.temporal import DateTimeTrigger


class MomentSensor(BaseSensorOperator):
    """Wait until a time. Derive from it and write `target`.

    Args:
        deferrable: wait in the triggerer instead of a process.
    """

    def __init__(self, *, deferrable: bool = False, **kwargs: Any) -> None:
        for name in ("start_from_trigger", "end_from_trigger", "trigger_kwargs"):
            kwargs.pop(name, None)  # Airflow's ways to save a process; the outcome is the same
        super().__init__(**kwargs)
        self.deferrable = deferrable

    def target(self, context: Any) -> datetime:
        """Return the time to wait for."""
        raise NotImplementedError

    def execute(self, context: Any) -> Any:
        """Wait."""
        if self.deferrable and not self.poke(context):
            self._defer(self.target(context))
        return super().execute(context)

    def _defer(self, moment: datetime) -> NoReturn:
        self.defer(
            trigger=DateTimeTrigger(moment), method_name="execute_complete", timeout=self.timeout
        )

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Go on when the time has come."""

    def poke(self, context: Any) -> bool:
        """Tell whether the time has come."""
        moment = self.target(context)
        self.log.info("waits for %s", moment.isoformat())
        return current.waiter().now() >= moment


class TimeSensor(MomentSensor):
    """Wait until a time of day, today in the DAG's time zone.

    Args:
        target_time: the time of day; with a zone of its own, if it has one.
    """

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: time, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, time):
            raise DagError(f"{self.described}: target_time must be a time, not {target_time!r}")
        self.target_time = target_time

    def target(self, context: Any) -> datetime:
        """Return that time on the day on which this try began."""
        zone = self.target_time.tzinfo or context["dag"].timezone or UTC
        began = context["ti"].assignment.first_started_at or current.waiter().now()
        day = began.astimezone(zone).date()
        moment = datetime.combine(day, self.target_time.replace(tzinfo=None), tzinfo=zone)
        return moment.astimezone(UTC)


class TimeSensorAsync(TimeSensor):
    """A TimeSensor that waits in the triggerer."""

    def __init__(self, *, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(deferrable=deferrable, **kwargs)


class DateTimeSensor(MomentSensor):
    """Wait until a date and time.

    Args:
        target_time: a datetime, or ISO text; templated. A naive one is meant in UTC.
    """

    template_fields: Sequence[str] = ("target_time",)

    def __init__(self, *, target_time: str | datetime, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(target_time, str | datetime):
            raise DagError(
                f"{self.described}: target_time must be a datetime or text, not {target_time!r}"
            )
        self.target_time: Any = (
            target_time.isoformat() if isinstance(target_time, datetime) else target_time
        )

    def target(self, context: Any) -> datetime:
        """Return the time.

        Raises:
            AirflowException: the text is no ISO time.
        """
        del context
        value = self.target_time
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            raise AirflowException(f"target_time {value!r} is no ISO time") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class DateTimeSensorAsync(DateTimeSensor):
    """A DateTimeSensor that waits in the triggerer."""

    def __init__(self, *, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(deferrable=deferrable, **kwargs)
