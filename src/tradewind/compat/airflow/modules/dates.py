"""`airflow.utils.dates` of Airflow 1 and 2."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tradewind.clock import SystemClock
from tradewind.schedule import PRESETS, cron

__all__ = [
    "cron_presets",
    "date_range",
    "days_ago",
    "infer_time_unit",
    "parse_execution_date",
    "round_time",
    "scale_time_units",
]

cron_presets = dict(PRESETS)

_SECONDS_PER_UNIT = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def days_ago(
    n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0
) -> datetime:
    """Return a time of the day so many days before today, in UTC."""
    today = (
        SystemClock()
        .now()
        .replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    )
    return today - timedelta(days=n)


def parse_execution_date(execution_date_str: str) -> datetime:
    """Return the time that a text stands for."""
    from tradewind.compat.airflow.modules import timezone  # noqa: PLC0415  imports pendulum: slow

    return timezone.parse(execution_date_str)


def round_time(
    dt: datetime, delta: Any = timedelta(days=1), start_date: datetime | None = None
) -> datetime:
    """Return the time of a schedule that is nearest to a time.

    Args:
        dt: the time.
        delta: a timedelta, or a cron expression (the last time before `dt`, then).
        start_date: where the timedelta's steps begin; the year 1 by default.
    """
    if isinstance(delta, str):
        at = dt.replace(tzinfo=None)
        fired = cron.parse(delta).before(at + timedelta(microseconds=1))
        return dt if fired is None else fired.replace(tzinfo=dt.tzinfo)
    start = start_date or datetime(1, 1, 1, tzinfo=dt.tzinfo)
    steps, rest = divmod(dt - start, delta)
    below: datetime = start + steps * delta
    return below + delta if 2 * rest >= delta else below


def infer_time_unit(time_seconds_arr: Iterable[float]) -> str:
    """Return the unit ("hours", "minutes", …) in which durations read best."""
    longest = max(time_seconds_arr, default=0)
    for unit, below in (("seconds", 120), ("minutes", 7200), ("hours", 172800)):
        if longest <= below:
            return unit
    return "days"


def scale_time_units(time_seconds_arr: Iterable[float], unit: str) -> list[float]:
    """Return seconds in another unit."""
    return [seconds / _SECONDS_PER_UNIT[unit] for seconds in time_seconds_arr]


def date_range(
    start_date: datetime,
    end_date: datetime | None = None,
    num: int | None = None,
    delta: timedelta | None = None,
) -> list[datetime]:
    """Return times from a start on.

    Args:
        start_date: the first.
        end_date: none is after it.
        num: how many; negative: before the start.
        delta: the step.
    """
    if delta is None:
        return []
    if num is not None:
        step = delta if num >= 0 else -delta
        return sorted(start_date + step * i for i in range(abs(num)))
    end = end_date or SystemClock().now()
    found = []
    at = start_date
    while at <= end:
        found.append(at)
        at += delta
    return found
