"""Cron matches in a time zone, daylight-saving changes included.

Matches are computed in local wall time and then placed in real time:
* a local time that does not exist (the clock jumps forward) fires one hour later;
* a local time that exists twice fires once, at its second occurrence, unless the expression
  fires every hour, in which case both occurrences count.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter

_HOUR_FIELD = 1


@lru_cache(maxsize=4096)
def is_hourly(expression: str) -> bool:
    """Tell whether the expression fires in (nearly) every hour: its hour field is open."""
    hour = expression.split()[_HOUR_FIELD]
    return hour == "*" or hour.startswith(("*/", "0/")) or hour == "0-23"


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Return a time zone."""
    return ZoneInfo(name)


def next_match(expression: str, timezone: str, after: datetime) -> datetime:
    """Return the first match strictly after a time."""
    if is_hourly(expression):
        return _walk_real(expression, timezone, after, forward=True)
    local = after.astimezone(zone(timezone)).replace(tzinfo=None)
    # A wall clock that was set back may show a time again: start from before the change.
    candidate = local - timedelta(hours=3)
    while True:
        candidate = croniter(expression, candidate).get_next(datetime)
        found = _place(candidate, timezone)
        if found > after:
            return found


def previous_match(expression: str, timezone: str, before: datetime) -> datetime:
    """Return the last match strictly before a time."""
    if is_hourly(expression):
        return _walk_real(expression, timezone, before, forward=False)
    local = before.astimezone(zone(timezone)).replace(tzinfo=None)
    candidate = local + timedelta(hours=3)
    while True:
        candidate = croniter(expression, candidate).get_prev(datetime)
        found = _place(candidate, timezone)
        if found < before:
            return found


def _place(local: datetime, timezone: str) -> datetime:
    """Return the real time of a local wall time, by the rules above."""
    tz = zone(timezone)
    late = local.replace(tzinfo=tz, fold=1)
    real = late.astimezone(UTC)
    if real.astimezone(tz).replace(tzinfo=None) == local:
        return real
    # In the gap: the offset from before the change puts it after the jump.
    return local.replace(tzinfo=tz, fold=0).astimezone(UTC)


def _walk_real(expression: str, timezone: str, start: datetime, *, forward: bool) -> datetime:
    """Find a match of an hourly expression by walking real time from change to change.

    Between two changes of the offset, local and real time run in step; a match computed with
    the offset at the start counts if the offset is still the same there, else the walk goes on
    from the change.
    """
    tz = zone(timezone)
    at = start
    while True:
        offset = at.astimezone(tz).utcoffset() or timedelta()
        local = (at + offset).replace(tzinfo=None)
        cron = croniter(expression, local)
        candidate = cron.get_next(datetime) if forward else cron.get_prev(datetime)
        real = (candidate - offset).replace(tzinfo=UTC)
        if real.astimezone(tz).utcoffset() == offset:
            return real
        change = _change_between(tz, at, real, offset)
        if not forward:
            at = change
            continue
        shown = change.astimezone(tz).replace(tzinfo=None)
        if croniter.match(expression, shown):
            return change
        at = change


def _change_between(tz: ZoneInfo, a: datetime, b: datetime, offset: timedelta) -> datetime:
    """Return the first second (towards b) at which the zone no longer has the offset."""
    low, high = a, b
    while abs(high - low) > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return (high + timedelta(microseconds=500_000)).replace(microsecond=0)
