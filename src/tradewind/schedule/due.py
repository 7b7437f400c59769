"""The next run of a schedule."""

from __future__ import annotations

import calendar as month_lengths
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from tradewind.model.schedule import (
    AssetOrTime,
    Continuous,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    Events,
    Once,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule.cron import next_match, previous_match

MICROSECOND = timedelta(microseconds=1)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG's dates. catchup: create the runs of the past too."""

    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The latest automated run."""

    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    run_after: datetime


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The next run. run_after may lie in the future."""

    run_after: datetime
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None


_Move = Callable[[datetime], datetime]


def due(
    schedule: ScheduleSpec,
    window: Window,
    last: LastRun | None,
    now: datetime,
    times: Sequence[Due] = (),
) -> Due | None:
    """Return the next run that a schedule asks for, or None when there is none any more.

    Args:
        schedule: the schedule.
        window: the DAG's dates.
        last: the latest automated run, or None.
        now: the time.
        times: for a custom timetable, its next runs as its code host answered them.
    """
    if isinstance(schedule, AssetOrTime):
        return due(schedule.time, window, last, now, times)
    found: Due | None = None
    if isinstance(schedule, Once):
        found = None if last else _exact(window.start_date or now)
    elif isinstance(schedule, Continuous):
        found = _continuous(window, last, now)
    elif isinstance(schedule, CronTrigger | DeltaTrigger):
        found = _trigger(schedule, window, last, now)
    elif isinstance(schedule, CronInterval | DeltaInterval):
        found = _interval(schedule, window, last, now)
    elif isinstance(schedule, Events):
        after = last.run_after if last else None
        at = [t for t in schedule.at if _in(window, t) and (after is None or t > after)]
        if not window.catchup:
            at = [t for t in at if t >= now] if last is None else at
        found = _exact(at[0]) if at else None
    else:
        after = last.run_after if last else None
        found = next((t for t in times if after is None or t.run_after > after), None)
    if found is None or (window.end_date and (found.logical_date or now) > window.end_date):
        return None
    return found


def upcoming(
    schedule: ScheduleSpec, window: Window, last: LastRun | None, now: datetime, count: int
) -> list[Due]:
    """Return the next runs, at most `count`."""
    found: list[Due] = []
    while len(found) < count:
        following = due(schedule, window, last, max(now, found[-1].run_after) if found else now)
        if following is None or isinstance(schedule, Continuous):
            return [*found, following] if following else found
        found.append(following)
        last = LastRun(
            logical_date=following.logical_date,
            interval_start=following.interval_start,
            interval_end=following.interval_end,
            run_after=following.run_after,
        )
    return found


def manual_interval(schedule: ScheduleSpec, run_after: datetime) -> tuple[datetime, datetime]:
    """Return the data interval of a run that somebody triggers at a time."""
    if isinstance(schedule, AssetOrTime):
        return manual_interval(schedule.time, run_after)
    if isinstance(schedule, CronInterval | DeltaInterval):
        forward, back = _moves(schedule)
        end = back(run_after + MICROSECOND)
        return back(end), forward(back(end))
    if isinstance(schedule, CronTrigger | DeltaTrigger):
        return _minus(run_after, schedule.interval), run_after
    if isinstance(schedule, Events) and schedule.restrict:
        past = [t for t in schedule.at if t <= run_after]
        at = past[-1] if past else schedule.at[0]
        return at, at
    return run_after, run_after


def _in(window: Window, at: datetime) -> bool:
    return (window.start_date is None or at >= window.start_date) and (
        window.end_date is None or at <= window.end_date
    )


def _exact(at: datetime) -> Due:
    return Due(run_after=at, logical_date=at, interval_start=at, interval_end=at)


def _continuous(window: Window, last: LastRun | None, now: datetime) -> Due | None:
    start = last.interval_end if last and last.interval_end else window.start_date or now
    at = max(now, start)
    return Due(run_after=at, logical_date=at, interval_start=start, interval_end=at)


def _trigger(
    schedule: CronTrigger | DeltaTrigger, window: Window, last: LastRun | None, now: datetime
) -> Due:
    forward, back = _moves(schedule)
    start = window.start_date
    if window.catchup and start is not None:
        # From start_date on, whatever automated runs lie before it (a backfill's do not count).
        at = start if isinstance(schedule, DeltaTrigger) else forward(start - MICROSECOND)
        if last is not None and last.run_after >= at:
            at = forward(last.run_after)
    else:
        at = _without_catchup(schedule, forward, back, last, now)
        if start is not None and at < start:
            at = forward(start - MICROSECOND)
    interval = schedule.interval
    begin = _minus(at, interval)
    return Due(run_after=at, logical_date=at, interval_start=begin, interval_end=at)


def _without_catchup(
    schedule: CronTrigger | DeltaTrigger,
    forward: _Move,
    back: _Move,
    last: LastRun | None,
    now: datetime,
) -> datetime:
    if last is not None:
        following = forward(last.run_after)
        return following if following > now else max(following, back(now + MICROSECOND))
    if isinstance(schedule, DeltaTrigger):
        return now
    latest, immediately = back(now + MICROSECOND), schedule.run_immediately
    if immediately is True:
        return latest
    if immediately is not False and now - latest <= timedelta(seconds=float(immediately)):
        return latest
    return latest if latest == now else forward(now)


def _interval(
    schedule: CronInterval | DeltaInterval, window: Window, last: LastRun | None, now: datetime
) -> Due:
    forward, back = _moves(schedule)
    start = window.start_date
    first = None if start is None else forward(start - MICROSECOND)
    if isinstance(schedule, DeltaInterval):
        first = start
    if last is not None and last.interval_end is not None:
        begin = last.interval_end
        if first is not None and begin < first:
            begin = first
    else:
        begin = first if first is not None and window.catchup else back(back(now + MICROSECOND))
        if first is not None and begin < first:
            begin = first
    if not window.catchup:
        # Only the latest complete interval.
        cron = isinstance(schedule, CronInterval)
        begin = max(begin, back(back(now + MICROSECOND)) if cron else back(now))
    end = forward(begin)
    return Due(run_after=end, logical_date=begin, interval_start=begin, interval_end=end)


def _moves(
    schedule: CronTrigger | CronInterval | DeltaTrigger | DeltaInterval,
) -> tuple[_Move, _Move]:
    """Return how to go to the next and to the previous time of a schedule."""
    if isinstance(schedule, CronInterval):
        return (
            partial(next_match, schedule.expression, schedule.timezone),
            partial(previous_match, schedule.expression, schedule.timezone),
        )
    if isinstance(schedule, CronTrigger):
        crons, tz = schedule.expressions, schedule.timezone
        return (
            lambda t: min(next_match(c, tz, t) for c in crons),
            lambda t: max(previous_match(c, tz, t) for c in crons),
        )
    delta = schedule.delta
    return (lambda t: _plus(t, delta), lambda t: _minus(t, delta))


def _plus(at: datetime, delta: RelativeDelta) -> datetime:
    return _months(at, delta.months) + timedelta(days=delta.days, seconds=delta.seconds)


def _minus(at: datetime, delta: RelativeDelta) -> datetime:
    return _months(at - timedelta(days=delta.days, seconds=delta.seconds), -delta.months)


def _months(at: datetime, months: int) -> datetime:
    if months == 0:
        return at
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, month_lengths.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
