"""BranchDateTimeOperator: follow one branch within a span of time, another outside of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import current
from tradewind.sdk.operators.branch import BaseBranchOperator

Limit = datetime | time | None


class BranchDateTimeOperator(BaseBranchOperator):
    """Branch by whether the time lies between two limits.

    Limits that are times of day apply to today; when the upper is below the lower one, it is
    meant for the day after. A naive limit is meant in UTC.

    Args:
        follow_task_ids_if_true: the tasks to follow between the limits.
        follow_task_ids_if_false: the tasks to follow outside of them.
        target_lower: the lower limit, or None for none.
        target_upper: the upper limit, or None for none.
        use_task_logical_date: look at the run's logical date instead of now.

    Raises:
        DagError: no limit is given.
    """

    def __init__(
        self,
        *,
        follow_task_ids_if_true: str | Iterable[str],
        follow_task_ids_if_false: str | Iterable[str],
        target_lower: Limit,
        target_upper: Limit,
        use_task_logical_date: bool = False,
        **kwargs: Any,
    ) -> None:
        use_task_logical_date = kwargs.pop("use_task_execution_date", use_task_logical_date)
        super().__init__(**kwargs)
        if target_lower is None and target_upper is None:
            raise DagError(
                f"task {self.task_id!r}: BranchDateTimeOperator needs target_lower,"
                " target_upper, or both"
            )
        self.target_lower = target_lower
        self.target_upper = target_upper
        self.follow_task_ids_if_true = follow_task_ids_if_true
        self.follow_task_ids_if_false = follow_task_ids_if_false
        self.use_task_logical_date = use_task_logical_date

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """Return the tasks of this time's branch."""
        now = context["logical_date"] if self.use_task_logical_date else current.waiter().now()
        lower, upper = self._limits(now)
        inside = (lower is None or lower <= now) and (upper is None or now <= upper)
        return self.follow_task_ids_if_true if inside else self.follow_task_ids_if_false

    def _limits(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        lower, upper = (_at(limit, now) for limit in (self.target_lower, self.target_upper))
        both_times = isinstance(self.target_lower, time) and isinstance(self.target_upper, time)
        if lower is not None and upper is not None and both_times and upper < lower:
            upper += timedelta(days=1)
        return lower, upper


def _at(limit: Limit, now: datetime) -> datetime | None:
    if limit is None:
        return None
    moment = limit if isinstance(limit, datetime) else datetime.combine(now.date(), limit)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
