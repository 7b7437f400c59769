"""BranchDayOfWeekOperator: follow one branch on some days of the week, another on the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk import current
from tradewind.sdk.operators.branch import BaseBranchOperator
from tradewind.sdk.weekdays import WeekDay, weekdays


class BranchDayOfWeekOperator(BaseBranchOperator):
    """Branch by the day of the week.

    Args:
        follow_task_ids_if_true: the tasks to follow on these days.
        follow_task_ids_if_false: the tasks to follow on the others.
        week_day: a day ("monday", `WeekDay.MONDAY`) or several.
        use_task_logical_date: look at the run's logical date instead of today (in UTC).
    """

    ui_color = "#e9ffdb"

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        week_day: str | WeekDay | Iterable[str | WeekDay],
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        use_task_logical_date = kwargs.pop("use_task_execution_day", use_task_logical_date)
        super().__init__(**kwargs)
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.week_day = week_day
        self.use_task_logical_date = use_task_logical_date
        self._days = weekdays(week_day)

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """Return the tasks of this day's branch."""
        day = context["logical_date"] if self.use_task_logical_date else current.waiter().now()
        hit = day.isoweekday() in self._days
        return self.follow_task_ids_if_true if hit else self.follow_task_ids_if_false
