"""Days of the week."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from tradewind.errors import DagError


class WeekDay(IntEnum):
    """A day of the week; the number is the ISO one."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


def weekdays(given: str | WeekDay | Iterable[str | WeekDay]) -> frozenset[WeekDay]:
    """Return the days that one day or several, by name or value, stand for.

    Raises:
        DagError: something is no day of the week.
    """
    days = [given] if isinstance(given, str | WeekDay) else list(given)
    found: set[WeekDay] = set()
    for day in days:
        if isinstance(day, WeekDay):
            found.add(day)
        elif str(day).upper() in WeekDay.__members__:
            found.add(WeekDay[str(day).upper()])
        else:
            known = ", ".join(d.name.lower() for d in WeekDay)
            raise DagError(f"week_day: {day!r} is no day of the week; known are {known}")
    return frozenset(found)
