"""DayOfWeekSensor: wait for a day of the week."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk import current
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.weekdays import WeekDay, weekdays


class DayOfWeekSensor(BaseSensorOperator):
    """Wait until it is one of some days of the week.

    Args:
        week_day: a day ("monday", `WeekDay.MONDAY`) or several.
        use_task_logical_date: look at the run's logical date instead of today (in UTC).
    """

    def __init__(
        self,
        *,
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        use_task_logical_date = kwargs.pop("use_task_execution_day", use_task_logical_date)
        super().__init__(**kwargs)
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date
        self._days = weekdays(week_day)

    def poke(self, context: Any) -> bool:
        """Tell whether it is one of the days."""
        day = context["logical_date"] if self.use_task_logical_date else current.waiter().now()
        return day.isoweekday() in self._days
