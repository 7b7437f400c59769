"""Schedules over many zones and expressions, against slow and obvious oracles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from croniter import croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tradewind.model.schedule import (
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    Events,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule import Due, LastRun, Window, due, upcoming
from tradewind.schedule.cron import parse
from tradewind.schedule.times import CronTimes
from tradewind.schedule.times import zone as time_zone

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Chisinau",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Caracas",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Pyongyang",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Juba",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "+05:30",
)
TO = datetime(2030, 1, 1, tzinfo=UTC)
FROM = datetime(2005, 1, 1, tzinfo=UTC)


def changes(zone: str) -> list[datetime]:
    """Find the days in which the zone's offset changes."""
    tz = time_zone(zone)
    days = [FROM + timedelta(days=n) for n in range((TO - FROM).days)]
    return [
        a for a, b in pairwise(days) if a.astimezone(tz).utcoffset() != b.astimezone(tz).utcoffset()
    ]


CHANGES = {zone: changes(zone) or [FROM] for zone in ZONES}


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.integers(2, max(2, (high - low) // 2)).map(lambda step: f"*/{step}"),
        st.lists(number, min_size=1, max_size=4, unique=True).map(
            lambda many: ",".join(map(str, sorted(many)))
        ),
        st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}"),
    )


TIMES_OF_DAY = st.one_of(
    st.tuples(field(0, 59), st.one_of(st.just("*"), field(0, 23))),
    # Near the hours at which clocks change.
    st.tuples(field(0, 59), st.sampled_from(["0", "1", "2", "3", "1-3", "*/2", "23", "0-3"])),
)
DAYS = st.one_of(
    st.just("* * *"),
    field(0, 6).map(lambda week_day: f"* * {week_day}"),
    field(1, 28).map(lambda day: f"{day} * *"),
    st.tuples(field(1, 31), field(0, 6)).map(lambda both: f"{both[0]} * {both[1]}"),
    field(1, 12).map(lambda month: f"1,L {month} *"),
    st.integers(1, 31).map(lambda day: f"{day}W * *"),
    st.tuples(st.integers(0, 6), st.integers(1, 5)).map(lambda n: f"* * {n[0]}#{n[1]}"),
    st.integers(0, 6).map(lambda day: f"* * L{day}"),
)
CRONS = st.tuples(TIMES_OF_DAY, DAYS).map(lambda parts: f"{parts[0][0]} {parts[0][1]} {parts[1]}")
DAILY_CRONS = TIMES_OF_DAY.map(lambda time: f"{time[0]} {time[1]} * * *")
WALLS = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001 - wall clocks


@st.composite
def zone_and_time(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw a zone and a time near one of its changes."""
    zone = draw(st.sampled_from(ZONES))
    at = draw(st.sampled_from(CHANGES[zone]))
    return zone, at + timedelta(minutes=draw(st.integers(-2880, 2880)))


def fires(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """List the instants of an expression by trying every minute of the wall clock."""
    tz = time_zone(zone)
    hourly = parse(expression).hourly
    wall = (start - timedelta(days=2)).replace(tzinfo=None, second=0, microsecond=0)
    last = (end + timedelta(days=2)).replace(tzinfo=None)
    found: set[datetime] = set()
    matches = croniter(expression, wall - timedelta(seconds=1))
    while (wall := matches.get_next(datetime)) <= last:
        first, second = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
        exists = first.astimezone(tz).replace(tzinfo=None) == wall
        if not exists or first == second:
            found.add(first)
        else:
            found |= {first, second} if hourly else {second}
    return sorted(at for at in found if start < at < end)


@settings(deadline=None)
@given(CRONS, WALLS)
def test_the_walk_finds_what_croniter_finds(expression: str, wall: datetime) -> None:
    cron = parse(expression)
    assert cron.after(wall) == croniter(expression, wall).get_next(datetime)
    assert cron.before(wall) == croniter(expression, wall).get_prev(datetime)


@settings(max_examples=200, deadline=None)
@given(DAILY_CRONS, zone_and_time())
def test_instants_across_changes_of_the_clock(expression: str, where: tuple[str, datetime]) -> None:
    zone, start = where
    end = start + timedelta(hours=30)
    times = CronTimes((expression,), zone)
    expected = fires(expression, zone, start, end)

    forward: list[datetime] = []
    at = times.after(start)
    while at is not None and at < end:
        forward.append(at)
        at = times.after(at)
    assert forward == expected

    backward: list[datetime] = []
    at = times.before(end)
    while at is not None and at > start:
        backward.append(at)
        at = times.before(at)
    assert backward[::-1] == expected


@settings(deadline=None)
@given(CRONS, zone_and_time())
def test_next_and_previous_agree(expression: str, where: tuple[str, datetime]) -> None:
    zone, at = where
    times = CronTimes((expression,), zone)
    following = times.after(at)
    assert following is not None
    assert following > at
    assert times.until(following) == following == times.from_(following)
    previous = times.before(following)
    assert previous is not None
    assert previous <= at
    assert times.after(previous) == following


DELTAS = st.one_of(
    st.integers(60, 200_000).map(lambda s: RelativeDelta(seconds=s)),
    st.builds(RelativeDelta, months=st.integers(1, 14), days=st.integers(0, 3)),
    st.integers(1, 40).map(lambda days: RelativeDelta(days=days)),
)
EVENTS = st.lists(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    min_size=1,
    max_size=20,
    unique=True,
).map(lambda at: Events(at=tuple(sorted(at))))


@st.composite
def periodic(draw: st.DrawFn) -> ScheduleSpec:
    zone = draw(st.sampled_from(ZONES))
    expression = draw(DAILY_CRONS)
    kinds: list[ScheduleSpec] = [
        CronTrigger(expressions=(expression,), timezone=zone),
        CronTrigger(expressions=(expression, draw(CRONS)), timezone=zone),
        CronInterval(expression=expression, timezone=zone),
        DeltaTrigger(delta=draw(DELTAS)),
        DeltaInterval(delta=draw(DELTAS)),
        draw(EVENTS),
    ]
    return draw(st.sampled_from(kinds))


START = datetime(2026, 1, 1, tzinfo=UTC)
STARTS = st.integers(-200_000, 200_000).map(lambda minutes: START + timedelta(minutes=minutes))


def ran(run: Due) -> LastRun:
    return LastRun(
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_after=run.run_after,
    )


@settings(deadline=None)
@given(periodic(), STARTS, st.integers(0, 100_000))
def test_catchup_neither_skips_nor_doubles(
    schedule: ScheduleSpec, start: datetime, late: int
) -> None:
    """However late and often the scheduler asks, the runs are the same."""
    window = Window(start_date=start, catchup=True)
    now = start + timedelta(minutes=late)
    asked_once = upcoming(schedule, window, None, start, 12)
    last: LastRun | None = None
    for expected in asked_once:
        found = due(schedule, window, last, now)
        assert found == expected
        last = ran(found)
    for run in asked_once:
        assert run.interval_start is not None
        assert run.interval_end is not None
        assert start <= run.interval_start <= run.interval_end == run.run_after
        assert run.logical_date == run.interval_start
    for earlier, later in pairwise(asked_once):
        assert earlier.run_after < later.run_after
        if isinstance(schedule, CronInterval | DeltaInterval):
            assert earlier.interval_end == later.interval_start


@settings(deadline=None)
@given(periodic(), STARTS, st.integers(0, 400_000))
def test_without_catchup_exactly_the_latest_runs(
    schedule: ScheduleSpec, start: datetime, outage_min: int
) -> None:
    assume(not isinstance(schedule, DeltaTrigger | DeltaInterval))  # they run from now on
    window = Window(start_date=start, since=start)
    first = due(schedule, window, None, start)
    assume(first is not None)
    assert first is not None
    now = first.run_after + timedelta(minutes=outage_min)
    every = upcoming(schedule, Window(start_date=start, catchup=True), ran(first), start, 800)
    assume(every and every[-1].run_after > now)
    passed = [run for run in every if run.run_after <= now]

    found = due(schedule, window, ran(first), now)
    assert found == (passed[-1] if passed else every[0])
    assert found is not None
    after_it = due(schedule, window, ran(found), now)
    assert after_it is None or after_it.run_after > now


@settings(deadline=None)
@given(DELTAS, STARTS, st.integers(0, 400_000))
def test_a_delta_without_catchup_runs_once_and_moves_on(
    delta: RelativeDelta, start: datetime, outage_min: int
) -> None:
    window = Window(start_date=start)
    for schedule in (DeltaTrigger(delta=delta), DeltaInterval(delta=delta)):
        first = due(schedule, window, None, start)
        assert first is not None
        now = first.run_after + timedelta(minutes=outage_min)
        second = due(schedule, window, ran(first), now)
        assert second is not None
        assert second.run_after > first.run_after
        if second.run_after <= now:
            third = due(schedule, window, ran(second), now)
            assert third is not None
            assert third.run_after > now


@settings(deadline=None)
@given(periodic(), STARTS, STARTS, st.booleans())
def test_time_never_goes_back(
    schedule: ScheduleSpec, start: datetime, now: datetime, catchup: bool
) -> None:
    """Also when the machine's clock was wrong at the last run."""
    window = Window(start_date=start, catchup=catchup)
    first = due(schedule, window, None, max(start, now))
    assume(first is not None)
    assert first is not None
    second = due(schedule, window, ran(first), now - timedelta(days=400))
    assert second is None or second.run_after > first.run_after
