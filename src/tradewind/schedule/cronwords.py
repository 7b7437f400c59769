"""Say a cron expression in words: `At 05:00 on Monday to Friday`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tradewind.schedule.cron import LAST, Cron

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MANY = 6
"""So many clock times are listed; more are described by their minutes and hours."""


def cron_in_words(cron: Cron) -> str:
    """Return a sentence for a cron expression.

    Expressions with seconds or years are rare, and stay as they are.
    """
    if cron.seconds != (0,) or cron.years is not None:
        return cron.text
    return " ".join(part for part in (_time(cron), _days(cron), _months(cron)) if part)


def _time(cron: Cron) -> str:
    minutes, hours = cron.minutes, cron.hours
    if len(minutes) * len(hours) <= _MANY:
        return "At " + _list(f"{hour:02}:{minute:02}" for hour in hours for minute in minutes)
    step = _step(hours, 24)
    if minutes == (0,) and step and hours[0] == 0:
        return "Every hour" if step == 1 else f"Every {step} hours"
    return _minutes(minutes) + _hours(minutes, hours)


def _minutes(minutes: Sequence[int]) -> str:
    step = _step(minutes, 60)
    if step == 1:
        return "Every minute"
    if step and minutes[0] == 0:
        return f"Every {step} minutes"
    return f"At minute{'s' if len(minutes) > 1 else ''} {_list(map(str, minutes))}"


def _hours(minutes: Sequence[int], hours: Sequence[int]) -> str:
    step = _step(hours, 24)
    if step == 1:
        through = _step(minutes, 60) and minutes[0] == 0  # "Every 5 minutes" says it all
        return "" if through else " of every hour"
    if step and hours[0] == 0:
        return f" of every {_nth(step)} hour"
    if len(hours) > 1 and _in_a_row(hours):
        return f" from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[-1]:02}"
    return f" of the hour{'s' if len(hours) > 1 else ''} {_list(map(str, hours))}"


def _days(cron: Cron) -> str:
    ways: list[str] = []
    if cron.month_days is not None:
        days = [str(day) for day in cron.month_days if day != LAST]
        if days:
            step = _step(cron.month_days, 31)
            shown = f"every {_nth(step)} day" if step and step > 1 and days[0] == "1" else None
            ways.append(shown or f"on day {_ranges(cron.month_days, days)} of the month")
        if LAST in cron.month_days:
            ways.append("on the last day of the month")
    ways += [f"on the weekday nearest to day {day} of the month" for day in cron.near_days]
    if cron.week_days is not None:
        # Sunday comes last: Saturday and Sunday are in a row.
        days_of_week = sorted(cron.week_days, key=lambda day: day or 7)
        names = [_WEEKDAYS[day] for day in days_of_week]
        ways.append("on " + _ranges([day or 7 for day in days_of_week], names))
    for weekday, nth in cron.nth_week_days:
        which = "last" if nth == LAST else _nth(nth, one=True)
        ways.append(f"on the {which} {_WEEKDAYS[weekday]} of the month")
    return " or ".join(ways)


def _months(cron: Cron) -> str:
    if len(cron.months) == len(_MONTHS):
        return ""
    return "in " + _ranges(cron.months, [_MONTHS[month - 1] for month in cron.months])


def _step(values: Sequence[int], size: int) -> int:
    """Return the distance between neighbours when they cover the whole range evenly, else 0."""
    if len(values) < 2:
        return 0
    step = values[1] - values[0]
    even = all(b - a == step for a, b in pairwise(values))
    return step if even and values[0] < step + 1 and values[-1] + step > size - 1 else 0


def _in_a_row(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _ranges(values: Sequence[int], names: Sequence[str]) -> str:
    if len(names) > 2 and len(names) == len(values) and _in_a_row(values):
        return f"{names[0]} to {names[-1]}"
    return _list(names)


def _list(items: Iterable[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _nth(number: int, *, one: bool = False) -> str:
    if number == 1:
        return "1st" if one else ""
    return f"{number}{ ({2: 'nd', 3: 'rd'}.get(number) or 'th') }"
