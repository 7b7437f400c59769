"""The next run of a schedule.

Two flavours. A *trigger* schedule runs at its instants, with an empty (or a stated) data
interval that ends there. An *interval* schedule covers time without gaps: each run is due at
the end of its data interval, and its logical date is the start.

Catchup on: every instant from the start date on gets its run, one after the other. Catchup
off: of the instants that have passed, only the latest does. In both cases the answer depends
only on the arguments, and the time of a run never lies before the run before it; so a
scheduler that crashed, slept or woke up with a wrong clock neither loses nor doubles a run.

The start date always holds. (Airflow forgets it once an automated run exists, so that a
backfill of earlier dates makes the schedule start over from there.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from tradewind.model.schedule import (
    AssetOrTime,
    Continuous,
    CronInterval,
    CronTrigger,
    Custom,
    DeltaInterval,
    DeltaTrigger,
    Events,
    Once,
    ScheduleSpec,
)
from tradewind.schedule.times import (
    MICROSECOND,
    CronTimes,
    DeltaTimes,
    EventTimes,
    Times,
    subtract,
)

_YOUNG = timedelta(minutes=5)
"""A DAG without a start date runs at once for an instant that is not older than this."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG's dates.

    catchup: run what was due in the past too, not only the latest.
    since: when the schedule came into force (the DAG was first published). For a DAG without
        a start date it fixes where its schedule begins, so that a run that came due while
        nobody looked is not lost; None means now.
    """

    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    since: datetime | None = None


class LastRun(msgspec.Struct, frozen=True, kw_only=True):
    """The latest automated run."""

    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    run_after: datetime

    @property
    def end(self) -> datetime:
        """Return the instant up to which the schedule is done."""
        return self.interval_end or self.run_after


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A run to create. run_after may lie in the future: then it is when to ask again."""

    run_after: datetime
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None


def due(
    schedule: ScheduleSpec,
    window: Window,
    last: LastRun | None,
    now: datetime,
    times: Sequence[Due] = (),
) -> Due | None:
    """Return the next run that a schedule asks for, or None when there is none any more.

    A continuous schedule is asked when no run of the DAG is active.

    Args:
        schedule: the schedule.
        window: the DAG's dates.
        last: the latest automated run, or None.
        now: the time.
        times: for a custom timetable, its next runs as its code host answered them, sorted.

    Raises:
        DagError: the schedule is one that `validate` refuses.
    """
    if isinstance(schedule, AssetOrTime):
        schedule = schedule.time
    if isinstance(schedule, CronInterval | DeltaInterval):
        return _interval(times_of(schedule), window, last, now)
    found: Due | None = None
    if isinstance(schedule, CronTrigger | DeltaTrigger | Events):
        found = _trigger(schedule, window, last, now)
    elif isinstance(schedule, Once) and last is None:
        found = _exact(window.start_date or window.since or now)
    elif isinstance(schedule, Continuous):
        found = _continuous(window, last, now)
    elif isinstance(schedule, Custom):
        at = bisect_right(times, last.run_after, key=_run_after) if last is not None else 0
        found = times[at] if at < len(times) else None
    if found is None or (window.end_date is not None and found.run_after > window.end_date):
        return None
    return found


def upcoming(
    schedule: ScheduleSpec,
    window: Window,
    last: LastRun | None,
    now: datetime,
    count: int,
    times: Sequence[Due] = (),
) -> list[Due]:
    """Return the next runs in order, at most `count`: what `due` would answer run after run.

    Of a continuous schedule only the next is known.
    """
    most = min(count, 1) if isinstance(schedule, Continuous) else count
    found: list[Due] = []
    while len(found) < most:
        following = due(schedule, window, last, now, times)
        if following is None:
            break
        found.append(following)
        now = max(now, following.run_after)
        last = LastRun(
            logical_date=following.logical_date,
            interval_start=following.interval_start,
            interval_end=following.interval_end,
            run_after=following.run_after,
        )
    return found


def manual_interval(schedule: ScheduleSpec, run_after: datetime) -> tuple[datetime, datetime]:
    """Return the data interval of a run that somebody triggers for this time.

    A custom timetable answers for itself, in its code host; without an answer the interval
    is empty, as it is for every schedule without data intervals.
    """
    if isinstance(schedule, AssetOrTime):
        schedule = schedule.time
    if isinstance(schedule, CronTrigger | DeltaTrigger):
        return subtract(run_after, schedule.interval), run_after
    if isinstance(schedule, CronInterval | DeltaInterval):
        times = times_of(schedule)
        end = times.until(run_after)
        start = None if end is None else times.before(end)
        if start is not None and end is not None:
            return start, end
    elif isinstance(schedule, Events) and schedule.restrict and schedule.at:
        at = times_of(schedule).until(run_after) or schedule.at[0]
        return at, at
    return run_after, run_after


@lru_cache(maxsize=4096)
def times_of(
    schedule: CronTrigger | CronInterval | DeltaTrigger | DeltaInterval | Events,
) -> Times:
    """Return the instants of a schedule."""
    if isinstance(schedule, CronTrigger):
        return CronTimes(schedule.expressions, schedule.timezone)
    if isinstance(schedule, CronInterval):
        return CronTimes((schedule.expression,), schedule.timezone)
    if isinstance(schedule, Events):
        return EventTimes(schedule.at)
    return DeltaTimes(schedule.delta)


def _trigger(
    schedule: CronTrigger | DeltaTrigger | Events,
    window: Window,
    last: LastRun | None,
    now: datetime,
) -> Due | None:
    times = times_of(schedule)
    known_from = None
    if last is not None:
        at = times.after(last.end)
    elif window.start_date is None:
        known_from = window.since or now
        at = _first(schedule, times, known_from)
    elif isinstance(schedule, Events) and not window.catchup:
        # A list of events starts with those to come; a period starts with the current one.
        at = times.from_(window.since or now)
    else:
        at = times.from_(window.start_date)
    if at is not None and window.start_date is not None and at < window.start_date:
        at = times.from_(window.start_date)
    if at is not None and not window.catchup:
        latest = times.until(min(now, window.end_date or now))
        if latest is not None and (known_from is None or latest > known_from):
            at = max(at, latest)
    if at is None:
        return None
    if isinstance(schedule, Events):
        return _exact(at)
    return _due(at, subtract(at, schedule.interval), at)


def _first(
    schedule: CronTrigger | DeltaTrigger | Events, times: Times, since: datetime
) -> datetime | None:
    """Return the first instant of a DAG without a start date."""
    if not isinstance(schedule, CronTrigger):
        return times.from_(since)
    recent = [_recent(text, schedule, since) for text in schedule.expressions]
    past = [at for at in recent if at is not None]
    return max(past) if past else times.from_(since)


def _recent(expression: str, schedule: CronTrigger, since: datetime) -> datetime | None:
    """Return the last instant of one expression if it is young enough to be run at once.

    Without a word about it that is a tenth of the time between two runs, five minutes at least.
    So it is in Airflow 3.3, whose text says that `run_immediately=False` waits in any case.
    """
    times = CronTimes((expression,), schedule.timezone)
    past = times.until(since)
    if past is None or schedule.run_immediately is True:
        return past
    following = times.after(since)
    if schedule.run_immediately is not False:
        young = timedelta(seconds=schedule.run_immediately)
    elif following is None:
        young = _YOUNG
    else:
        young = max((following - past) / 10, _YOUNG)
    return past if since - past <= young else None


def _interval(times: Times, window: Window, last: LastRun | None, now: datetime) -> Due | None:
    # The starts that are possible; the latest of them is the one.
    starts: list[datetime | None] = []
    if last is not None:
        starts.append(times.until(last.end) or times.from_(last.end))
    if window.start_date is not None:
        starts.append(times.from_(window.start_date))
    if not window.catchup or not starts:
        # Nothing lies before a schedule's first instant; then the first interval is to come.
        anchor = window.start_date or window.since or now
        latest = times.complete(_horizon(times, window, now), anchor)
        starts.append(latest or times.until(now) or times.after(now))
    known = [start for start in starts if start is not None]
    if len(known) < len(starts):
        return None
    start = _untaken(times, max(known), last)
    end = None if start is None else times.after(start)
    if start is None or end is None or (window.end_date is not None and start > window.end_date):
        return None
    return _due(end, start, end)


def _horizon(times: Times, window: Window, now: datetime) -> datetime:
    """Return up to when intervals count: now, or the end of the last that the DAG's dates allow."""
    last_start = None if window.end_date is None else times.until(window.end_date)
    last_end = None if last_start is None else times.after(last_start)
    return now if last_end is None else min(now, last_end)


def _untaken(times: Times, start: datetime, last: LastRun | None) -> datetime | None:
    """Return the start of an interval, moved on if the last run has its logical date.

    An interval starts where the last one ended; only when the schedule was changed does that not
    fit. Then it starts at the last instant before, so that no time is left out, unless that
    reaches back over the whole last interval. (A run of a trigger schedule covers no time: its
    logical date is its end.)
    """
    taken = None if last is None else last.interval_start or last.logical_date
    return times.after(start) if taken is not None and start <= taken else start


def _continuous(window: Window, last: LastRun | None, now: datetime) -> Due:
    """Return the run that covers the time since the last one."""
    if last is None:
        start = window.start_date or now
        return _due(max(start, now), start, max(start, now))
    start = last.end
    if last.logical_date is not None and start <= last.logical_date:
        # The first run of a DAG without a start date covers no time; a logical date is unique.
        start = last.logical_date + MICROSECOND
    start = max(start, window.start_date or start)
    end = max(start, now, last.run_after + MICROSECOND)
    return _due(end, start, end)


def _exact(at: datetime) -> Due:
    return _due(at, at, at)


def _due(run_after: datetime, start: datetime, end: datetime) -> Due:
    return Due(run_after=run_after, logical_date=start, interval_start=start, interval_end=end)


def _run_after(run: Due) -> datetime:
    return run.run_after
