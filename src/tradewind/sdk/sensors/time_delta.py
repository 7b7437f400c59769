"""Sensors that wait for a span of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.sdk import current
from tradewind.sdk.sensors.time import MomentSensor


class TimeDeltaSensor(MomentSensor):
    """Wait until some time after the end of the run's data interval.

    Of a run without a data interval, after the time at which the run was due.

    Args:
        delta: the span.
    """

    def __init__(self, *, delta: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delta = delta

    def target(self, context: Any) -> datetime:
        """Return the time to wait for."""
        run = context["ti"].assignment.run
        base: datetime = run.interval_end or run.run_after
        return (base + self.delta).astimezone(UTC)


class TimeDeltaSensorAsync(TimeDeltaSensor):
    """A TimeDeltaSensor that waits in the triggerer."""

    def __init__(self, *, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(deferrable=deferrable, **kwargs)


class WaitSensor(MomentSensor):
    """Wait for some time after the task started.

    Args:
        time_to_wait: a timedelta, or a number of minutes.
    """

    def __init__(self, *, time_to_wait: timedelta | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.time_to_wait = (
            time_to_wait if isinstance(time_to_wait, timedelta) else timedelta(minutes=time_to_wait)
        )
        self._began: datetime | None = None

    def target(self, context: Any) -> datetime:
        """Return the time to wait for."""
        if self._began is None:
            self._began = context["ti"].assignment.first_started_at or current.waiter().now()
        return self._began + self.time_to_wait
