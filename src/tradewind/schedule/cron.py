"""Cron expressions over a wall clock, without any time zone.

croniter reads the expression: it is the grammar that Airflow's users know (five fields, a
sixth for seconds, a seventh for the year, names, steps, `L`, `15W`, `L5`, `5#2`). The walk
from match to match is our own: it takes a few microseconds instead of a hundred, and
`times.py` can ask it in both directions without starting over.

Day of month and day of week combine as OR when both are given.

Refused, with the reason: `H` and `R` (the times would change with every reading), a day
that never comes, and whatever croniter does not understand.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import msgspec

from tradewind.errors import DagError

if TYPE_CHECKING:
    from croniter import croniter

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

SEARCH_YEARS = 50
"""How far to look for a match. The rarest that exist (29 February on the fifth such weekday)
come within 40 years."""

LAST = 0
"""The last day of the month, and the last of its weekdays."""
_HASHED = re.compile(r"(?<![a-z])([hr])(?![a-z])", re.IGNORECASE)
_UNIX_FIELDS = 5

_Time = tuple[int, int, int]
_Field = Sequence[int | str]


class Cron(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A parsed expression: what each field allows, sorted.

    month_days: days of the month; 0 is the last. None: any day.
    near_days: `15W`, the weekday nearest to that day of the month.
    week_days: 0 is Sunday. None: any day.
    nth_week_days: (weekday, n): the n-th such weekday of the month; n = 0 is the last.
    years: None is any.
    """

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    month_days: tuple[int, ...] | None
    near_days: tuple[int, ...]
    week_days: tuple[int, ...] | None
    nth_week_days: tuple[tuple[int, int], ...]
    years: tuple[int, ...] | None

    @property
    def hourly(self) -> bool:
        """Tell whether it matches in every hour of a day."""
        return len(self.hours) == 24

    def after(self, at: datetime) -> datetime | None:
        """Return the first match after a wall-clock time, None if there is none in 50 years."""
        first = at.replace(microsecond=0) + timedelta(seconds=1)
        if self._allows(first):
            time = self._time_from(first.hour, first.minute, first.second)
            if time is not None:
                return _wall(first.year, first.month, first.day, time)
        return self._first_in_days_after(first)

    def before(self, at: datetime) -> datetime | None:
        """Return the last match before a wall-clock time, None if there is none in 50 years."""
        last = at.replace(microsecond=0)
        if last == at:
            last -= timedelta(seconds=1)
        if self._allows(last):
            time = self._time_to(last.hour, last.minute, last.second)
            if time is not None:
                return _wall(last.year, last.month, last.day, time)
        return self._last_in_days_before(last)

    def _allows(self, day: datetime) -> bool:
        return day.day in _days(self, day.year, day.month)

    def _time_from(self, hour: int, minute: int, second: int) -> _Time | None:
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        h = bisect_left(hours, hour)
        if h < len(hours) and hours[h] == hour:
            m = bisect_left(minutes, minute)
            if m < len(minutes) and minutes[m] == minute:
                s = bisect_left(seconds, second)
                if s < len(seconds):
                    return hour, minute, seconds[s]
                m += 1
            if m < len(minutes):
                return hour, minutes[m], seconds[0]
            h += 1
        return (hours[h], minutes[0], seconds[0]) if h < len(hours) else None

    def _time_to(self, hour: int, minute: int, second: int) -> _Time | None:
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        h = bisect_right(hours, hour)
        if h and hours[h - 1] == hour:
            m = bisect_right(minutes, minute)
            if m and minutes[m - 1] == minute:
                s = bisect_right(seconds, second)
                if s:
                    return hour, minute, seconds[s - 1]
                m -= 1
            if m:
                return hour, minutes[m - 1], seconds[-1]
            h -= 1
        return (hours[h - 1], minutes[-1], seconds[-1]) if h else None

    def _first_in_days_after(self, day: datetime) -> datetime | None:
        year, month, past = day.year, day.month, day.day
        until = min(year + SEARCH_YEARS, MAXYEAR)
        while year <= until:
            days = _days(self, year, month)
            i = bisect_right(days, past)
            if i < len(days):
                time = self.hours[0], self.minutes[0], self.seconds[0]
                return _wall(year, month, days[i], time)
            past = 0
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return None

    def _last_in_days_before(self, day: datetime) -> datetime | None:
        year, month, past = day.year, day.month, day.day
        until = max(year - SEARCH_YEARS, MINYEAR)
        while year >= until:
            days = _days(self, year, month)
            i = bisect_left(days, past)
            if i:
                time = self.hours[-1], self.minutes[-1], self.seconds[-1]
                return _wall(year, month, days[i - 1], time)
            past = 32
            year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        return None


def _wall(year: int, month: int, day: int, time: _Time) -> datetime:
    return datetime(year, month, day, *time)  # noqa: DTZ001 - a wall clock has no zone


@lru_cache(maxsize=4096)
def _days(cron: Cron, year: int, month: int) -> tuple[int, ...]:
    """Return the matching days of a month."""
    if month not in cron.months or (cron.years is not None and year not in cron.years):
        return ()
    first_weekday, length = monthrange(year, month)  # Monday is 0
    every = range(1, length + 1)
    by_month = cron.month_days is not None or bool(cron.near_days)
    by_week = cron.week_days is not None or bool(cron.nth_week_days)
    if not by_month and not by_week:
        return tuple(every)
    found: set[int] = set()
    if cron.month_days is not None:
        found |= {length if day == LAST else day for day in cron.month_days}
    found |= {_nearest_workday(day, first_weekday, length) for day in cron.near_days}
    sunday_based = [(first_weekday + day) % 7 for day in every]  # index day - 1, Sunday is 0
    if cron.week_days is not None:
        found |= {day for day in every if sunday_based[day - 1] in cron.week_days}
    for weekday, nth in cron.nth_week_days:
        same = [day for day in every if sunday_based[day - 1] == weekday]
        if nth <= len(same):
            found.add(same[nth - 1])  # nth 0, the last, is index -1
    return tuple(sorted(day for day in found if day <= length))


def _nearest_workday(day: int, first_weekday: int, length: int) -> int:
    """Return the Monday to Friday nearest to a day, without leaving the month."""
    day = min(day, length)
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:  # Saturday
        return day - 1 if day > 1 else day + 2
    if weekday == 6:  # Sunday
        return day + 1 if day < length else day - 2
    return day


@lru_cache(maxsize=4096)
def parse(text: str) -> Cron:
    """Return the parsed expression or preset.

    Raises:
        DagError: it cannot be used; the message names the expression and the fix.
    """
    expression = _plain(text)
    # Late: croniter costs 25 ms to import, and many DAG folders have no cron at all.
    from croniter import CroniterError, croniter  # noqa: PLC0415

    try:
        read = croniter(expression)
    except (CroniterError, ValueError, KeyError, IndexError) as error:
        raise DagError(
            f"The cron expression {text!r} is not valid: {str(error).rstrip('.')}. "
            "Write five fields (minute, hour, day of month, month, day of week), for example "
            f"'0 5 * * MON-FRI', or one of {', '.join(PRESETS)}."
        ) from error
    cron = _from_croniter(text, read)
    start = _wall(min(cron.years) if cron.years else 2000, 1, 1, (0, 0, 0))
    if cron.after(start - timedelta(seconds=1)) is None:
        raise DagError(
            f"The cron expression {text!r} never comes due: no such day exists. "
            "Check its day of month and month."
        )
    return cron


def _plain(text: str) -> str:
    """Return the expression behind a preset; refuse what croniter would take but must not."""
    if text in PRESETS:
        return PRESETS[text]
    if text.startswith("@"):
        raise DagError(
            f"The schedule {text!r} is not a preset. Use one of @once, @continuous, "
            f"{', '.join(PRESETS)}, or a cron expression."
        )
    hashed = _HASHED.search(text)
    if hashed:
        raise DagError(
            f"The cron expression {text!r} uses {hashed.group()!r}, which picks times by chance. "
            "Write the minute and hour that you want."
        )
    for field in text.upper().split():
        if field in {"W", "LW", "WL"}:
            raise DagError(
                f"The cron expression {text!r} uses {field!r}, which is not supported. Use a day "
                "number before W ('15W': the weekday nearest to the 15th), L for the last day of "
                "the month, or L5 for its last Friday."
            )
    return text


def _from_croniter(text: str, read: croniter) -> Cron:
    """Take over the fields that croniter expanded."""
    # croniter's stubs know neither its "l" and "*" nor the nearest weekday.
    fields = cast("list[_Field]", read.expanded)
    nth = cast("dict[int | str, set[int | str]]", read.nth_weekday_of_month)
    near: set[int] = getattr(read, "nearest_weekday")  # noqa: B009
    minute, hour, month_day, month, week_day = fields[:_UNIX_FIELDS]
    seconds: _Field = fields[_UNIX_FIELDS] if len(fields) > _UNIX_FIELDS else [0]
    years: _Field = fields[_UNIX_FIELDS + 1] if len(fields) > _UNIX_FIELDS + 1 else ["*"]
    return Cron(
        text=text,
        seconds=_numbers(seconds, range(60)),
        minutes=_numbers(minute, range(60)),
        hours=_numbers(hour, range(24)),
        months=_numbers(month, range(1, 13)),
        month_days=None if near or "*" in month_day else _numbers(month_day, ()),
        near_days=tuple(sorted(near)),
        week_days=None if nth or "*" in week_day else _numbers(week_day, ()),
        nth_week_days=tuple(_nth(nth)),
        years=None if "*" in years else _numbers(years, ()),
    )


def _numbers(field: _Field, every: Iterable[int]) -> tuple[int, ...]:
    if "*" in field:
        return tuple(every)
    return tuple(sorted({LAST if value == "l" else int(value) for value in field}))


def _nth(nth: dict[int | str, set[int | str]]) -> list[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for weekday, which in nth.items():
        for day in range(7) if weekday == "*" else (int(weekday),):
            found |= {(day, LAST if n == "l" else int(n)) for n in which}
    return sorted(found)
