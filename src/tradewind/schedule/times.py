"""The instants at which a schedule fires, walked in either direction.

`Times` is what `due.py` knows of a schedule: the next and the previous instant, and where a
first run may start. Three kinds:

CronTimes carries the matches of a wall clock over to UTC. The rules at a change of the clock:

* a wall time that does not exist (the clock jumped over it) fires as much later as the clock
  jumped: 02:30 becomes 03:30;
* a wall time that comes twice fires once, the second time; unless the expression matches in
  every hour of the day: then it fires both times, so that no hour goes without.

  The instants are a *set* that follows from the wall times, and next and previous are defined
  on that set. So the two always agree, every zone is the same to them (Lord Howe Island
  moves its clock by half an hour), and data intervals neither overlap nor leave a gap.

DeltaTimes counts on from wherever it stands. EventTimes are a list.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from tradewind.errors import DagError
from tradewind.model.schedule import RelativeDelta
from tradewind.schedule.cron import Cron, parse

MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
"""No clock has been moved by more, and none is moved twice within one."""

_ZERO = timedelta()
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Times(Protocol):
    """The instants of a schedule. None: there is no such instant."""

    def after(self, at: datetime) -> datetime | None:
        """Return the first instant later than `at`."""
        ...

    def before(self, at: datetime) -> datetime | None:
        """Return the last instant earlier than `at`."""
        ...

    def from_(self, at: datetime) -> datetime | None:
        """Return the first instant that is not before `at`."""
        ...

    def until(self, at: datetime) -> datetime | None:
        """Return the last instant that is not after `at`."""
        ...

    def complete(self, at: datetime, anchor: datetime) -> datetime | None:
        """Return the start of the last data interval that is complete at `at`.

        Intervals of months are counted from the anchor on; nothing else asks for it.
        """
        ...


class CronTimes:
    """The matches of cron expressions in a time zone."""

    def __init__(self, expressions: tuple[str, ...], zone_name: str) -> None:
        self._crons = tuple(parse(text) for text in expressions)
        self._zone = zone(zone_name)

    def after(self, at: datetime) -> datetime | None:
        """Return the first match later than `at`."""
        found = [_next(cron, self._zone, at) for cron in self._crons]
        return min((time for time in found if time is not None), default=None)

    def before(self, at: datetime) -> datetime | None:
        """Return the last match earlier than `at`."""
        found = [_previous(cron, self._zone, at) for cron in self._crons]
        return max((time for time in found if time is not None), default=None)

    def from_(self, at: datetime) -> datetime | None:
        """Return the first match that is not before `at`."""
        return self.after(at - MICROSECOND)

    def until(self, at: datetime) -> datetime | None:
        """Return the last match that is not after `at`."""
        return self.before(at + MICROSECOND)

    def complete(self, at: datetime, _anchor: datetime) -> datetime | None:
        """Return the match before the last one that is not after `at`."""
        end = self.until(at)
        return None if end is None else self.before(end)


class DeltaTimes:
    """Steps of a fixed or calendar length from any instant on."""

    def __init__(self, delta: RelativeDelta) -> None:
        self._delta = delta

    def after(self, at: datetime) -> datetime | None:
        """Return one step on."""
        return add(at, self._delta)

    def before(self, at: datetime) -> datetime | None:
        """Return one step back."""
        return subtract(at, self._delta)

    def from_(self, at: datetime) -> datetime | None:
        """Return `at`: steps may start anywhere."""
        return at

    def until(self, at: datetime) -> datetime | None:
        """Return `at`: steps may start anywhere."""
        return at

    def complete(self, at: datetime, anchor: datetime) -> datetime | None:
        """Return the start before the last one that is not after `at`.

        Steps of a fixed length lie on the grid of their multiples since 1970, so that the answer
        is the same from one question to the next. Months have no fixed length: they are counted
        one by one from the anchor, because the 31st of January leads to the 28th of March.
        """
        delta = self._delta
        if delta.months:
            boundary = anchor
            while (following := add(boundary, delta)) <= at:
                boundary = following
        else:
            boundary = at - (at - _EPOCH) % timedelta(days=delta.days, seconds=delta.seconds)
        return subtract(boundary, delta)


class EventTimes:
    """Listed instants, sorted."""

    def __init__(self, at: tuple[datetime, ...]) -> None:
        self._at = at

    def after(self, at: datetime) -> datetime | None:
        """Return the first event later than `at`."""
        return self._get(bisect_right(self._at, at))

    def before(self, at: datetime) -> datetime | None:
        """Return the last event earlier than `at`."""
        return self._get(bisect_left(self._at, at) - 1)

    def from_(self, at: datetime) -> datetime | None:
        """Return the first event that is not before `at`."""
        return self._get(bisect_left(self._at, at))

    def until(self, at: datetime) -> datetime | None:
        """Return the last event that is not after `at`."""
        return self._get(bisect_right(self._at, at) - 1)

    def complete(self, at: datetime, _anchor: datetime) -> datetime | None:
        """Return the event before the last one that is not after `at`."""
        return self._get(bisect_right(self._at, at) - 2)

    def _get(self, index: int) -> datetime | None:
        return self._at[index] if 0 <= index < len(self._at) else None


def add(at: datetime, delta: RelativeDelta) -> datetime:
    """Return the instant one step later: months by the calendar, then days and seconds."""
    return _add_months(at, delta.months) + timedelta(days=delta.days, seconds=delta.seconds)


def subtract(at: datetime, delta: RelativeDelta) -> datetime:
    """Return the instant one step earlier."""
    return _add_months(at, -delta.months) - timedelta(days=delta.days, seconds=delta.seconds)


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """Return the time zone of a name (`Europe/Paris`) or an offset (`+05:30`).

    Raises:
        DagError: there is no such zone.
    """
    if name in {"UTC", "Etc/UTC", "Z"}:
        return UTC
    offset = _OFFSET.fullmatch(name)
    try:
        if offset:
            sign, hours, minutes = offset.groups()
            shift = timedelta(hours=int(hours), minutes=int(minutes))
            return timezone(-shift if sign == "-" else shift)
        return ZoneInfo(name)
    # A name may be malformed, unknown, or a folder of the zone database.
    except (LookupError, ValueError, OSError) as error:
        raise DagError(
            f"The time zone {name!r} is not known. Use a name of the IANA data base, like "
            "'Europe/Paris', or an offset, like '+05:30'."
        ) from error


def _add_months(at: datetime, months: int) -> datetime:
    if months == 0:
        return at
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def _next(cron: Cron, tz: tzinfo, at: datetime) -> datetime | None:
    """Return the first instant of one expression later than `at`."""
    if tz is UTC:
        match = cron.after(at.replace(tzinfo=None))
        return None if match is None else match.replace(tzinfo=UTC)
    offset = _offset(tz, at)
    # Where the clock will soon be set back, or was just set forward, an instant may have a
    # smaller wall time than `at` and still lie after it.
    low = min(offset, _nearby(tz, at, offset, -_DAY), _nearby(tz, at, offset, _DAY))
    match = cron.after(at.replace(tzinfo=None) + low)
    best: datetime | None = None
    while match is not None:
        early, late = _offsets(tz, match)
        for time in _instants(match, early, late, both=cron.hourly):
            if time > at and (best is None or time < best):
                best = time
        # All further matches lie later than this one at the largest offset.
        if best is not None and _utc(match, max(early, late)) >= best:
            break
        match = cron.after(match)
    return best


def _previous(cron: Cron, tz: tzinfo, at: datetime) -> datetime | None:
    """Return the last instant of one expression earlier than `at`."""
    if tz is UTC:
        match = cron.before(at.replace(tzinfo=None))
        return None if match is None else match.replace(tzinfo=UTC)
    offset = _offset(tz, at)
    high = max(offset, _nearby(tz, at, offset, -_DAY))
    match = cron.before(at.replace(tzinfo=None) + high)
    best: datetime | None = None
    while match is not None:
        early, late = _offsets(tz, match)
        for time in _instants(match, early, late, both=cron.hourly):
            if time < at and (best is None or time > best):
                best = time
        # A wall time that the clock jumped over fires late: maybe after this match.
        if best is not None:
            smallest = min(early, late)
            if _utc(match, min(smallest, _nearby(tz, best, smallest, -_DAY))) <= best:
                break
        match = cron.before(match)
    return best


def _instants(
    match: datetime, early: timedelta, late: timedelta, *, both: bool
) -> tuple[datetime, ...]:
    """Return when a wall time fires, given the offsets before and after a change there."""
    if early > late:  # The clock was set back: this wall time comes twice.
        return (_utc(match, early), _utc(match, late)) if both else (_utc(match, late),)
    return (_utc(match, early),)  # Usual; or jumped over, and then it fires late.


def _utc(match: datetime, offset: timedelta) -> datetime:
    return (match - offset).replace(tzinfo=UTC)


def _offset(tz: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(tz).utcoffset() or _ZERO


def _nearby(tz: tzinfo, at: datetime, offset: timedelta, day: timedelta) -> timedelta:
    """Return the offset beyond a change that is nearer than the clock moved there, else `offset`.

    Only so near does a change let wall time and real time disagree about what comes first.
    """
    other = _offset(tz, at + day)
    if other == offset:
        return offset
    moved = abs(other - offset)
    return _offset(tz, at + moved if day > _ZERO else at - moved)


def _offsets(tz: tzinfo, match: datetime) -> tuple[timedelta, timedelta]:
    """Return the offset of a wall time, as it was before and as it is after a change there."""
    return tz.utcoffset(match) or _ZERO, tz.utcoffset(match.replace(fold=1)) or _ZERO
