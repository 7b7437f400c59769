"""The next run: flavours, catchup, dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradewind.model.schedule import (
    AssetLeaf,
    AssetOrTime,
    AssetTriggered,
    Continuous,
    CronInterval,
    CronTrigger,
    Custom,
    DeltaInterval,
    DeltaTrigger,
    Events,
    NoSchedule,
    Once,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule import Due, LastRun, Window, due, manual_interval, upcoming

DAILY = CronTrigger(expressions=("@daily",))
DAILY_INTERVAL = CronInterval(expression="@daily")
HOUR = RelativeDelta(seconds=3600)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = utc("2026-03-03 07:25")


def ran(start: str, end: str | None = None) -> LastRun:
    at, until = utc(start), utc(end or start)
    return LastRun(logical_date=at, interval_start=at, interval_end=until, run_after=until)


def exact(at: datetime) -> Due:
    return Due(run_after=at, logical_date=at, interval_start=at, interval_end=at)


def interval(start: str, end: str) -> Due:
    a, b = utc(start), utc(end)
    return Due(run_after=b, logical_date=a, interval_start=a, interval_end=b)


class TestTrigger:
    def test_logical_date_interval_and_run_after_are_the_instant(self) -> None:
        assert due(DAILY, Window(), None, NOW) == exact(utc("2026-03-04"))

    def test_a_stated_interval_ends_at_the_instant(self) -> None:
        schedule = CronTrigger(expressions=("0 5 1 * *",), interval=RelativeDelta(months=1))
        window = Window(since=utc("2026-03-20"))
        assert due(schedule, window, None, NOW) == interval("2026-03-01 05:00", "2026-04-01 05:00")

    def test_with_a_start_date_the_latest_runs_at_once(self) -> None:
        window = Window(start_date=utc("2026-01-01"))
        assert due(DAILY, window, None, NOW) == exact(utc("2026-03-03"))

    def test_a_start_date_to_come(self) -> None:
        window = Window(start_date=utc("2026-05-01 12:00"))
        for catchup in (False, True):
            window = Window(start_date=utc("2026-05-01 12:00"), catchup=catchup)
            assert due(DAILY, window, None, NOW) == exact(utc("2026-05-02"))

    def test_a_missed_run_is_made_up_only_the_latest(self) -> None:
        assert due(DAILY, Window(), ran("2026-02-20"), NOW) == exact(utc("2026-03-03"))
        assert due(DAILY, Window(), ran("2026-03-03"), NOW) == exact(utc("2026-03-04"))

    def test_the_last_one_inside_the_dates_is_made_up_too(self) -> None:
        window = Window(end_date=utc("2026-03-01"))
        assert due(DAILY, window, ran("2026-02-20"), NOW) == exact(utc("2026-03-01"))
        assert due(DAILY, window, ran("2026-03-01"), NOW) is None

    def test_catchup_starts_at_the_start_date_and_goes_one_by_one(self) -> None:
        window = Window(start_date=utc("2026-01-01"), catchup=True)
        assert due(DAILY, window, None, NOW) == exact(utc("2026-01-01"))
        assert due(DAILY, window, ran("2026-01-01"), NOW) == exact(utc("2026-01-02"))

    def test_catchup_keeps_the_start_date_after_a_backfill_before_it(self) -> None:
        window = Window(start_date=utc("2026-03-01"), catchup=True)
        assert due(DAILY, window, ran("2025-06-01"), NOW) == exact(utc("2026-03-01"))

    def test_end_date_is_included(self) -> None:
        window = Window(start_date=utc("2026-01-01"), end_date=utc("2026-01-02"), catchup=True)
        assert due(DAILY, window, ran("2026-01-01"), NOW) == exact(utc("2026-01-02"))
        assert due(DAILY, window, ran("2026-01-02"), NOW) is None

    @pytest.mark.parametrize(
        ("immediately", "expected"),
        [
            (False, "2026-03-04"),
            (True, "2026-03-03"),
            (8 * 3600.0, "2026-03-03"),
            (3600.0, "2026-03-04"),
        ],
    )
    def test_run_immediately(self, immediately: bool | float, expected: str) -> None:
        schedule = CronTrigger(expressions=("@daily",), run_immediately=immediately)
        first = exact(utc(expected))
        assert due(schedule, Window(), None, NOW) == first
        catchup = Window(catchup=True, since=NOW)
        assert due(schedule, catchup, None, NOW + timedelta(days=9)) == first

    @pytest.mark.parametrize(
        ("expressions", "now", "expected"),
        [
            (("@daily",), "2026-03-03 02:24", "2026-03-03 00:00"),
            (("@daily",), "2026-03-03 02:25", "2026-03-04 00:00"),
            (("*/10 * * * *",), "2026-03-03 07:05", "2026-03-03 07:00"),
            (("*/10 * * * *",), "2026-03-03 07:06", "2026-03-03 07:10"),
            # Each expression counts for itself: the month's is young, the day's is not.
            (("@monthly", "@daily"), "2026-03-03 07:00", "2026-03-01 00:00"),
        ],
    )
    def test_without_a_start_date_a_young_instant_runs_at_once(
        self, expressions: tuple[str, ...], now: str, expected: str
    ) -> None:
        schedule = CronTrigger(expressions=expressions)
        assert due(schedule, Window(catchup=True), None, utc(now)) == exact(utc(expected))

    def test_an_instant_that_is_now_is_not_missed(self) -> None:
        assert due(DAILY, Window(), None, utc("2026-03-03")) == exact(utc("2026-03-03"))

    def test_a_run_that_came_due_while_nobody_looked_is_not_lost(self) -> None:
        window = Window(since=utc("2026-03-03 23:59"))
        assert due(DAILY, window, None, utc("2026-03-03 23:59:30")) == exact(utc("2026-03-04"))
        assert due(DAILY, window, None, utc("2026-03-04 00:10")) == exact(utc("2026-03-04"))
        assert due(DAILY, window, None, utc("2026-03-06 00:10")) == exact(utc("2026-03-06"))

    def test_a_delta_runs_from_now_on(self) -> None:
        schedule = DeltaTrigger(delta=HOUR)
        window = Window(start_date=utc("2026-01-01"))
        assert due(schedule, window, None, NOW) == exact(NOW)
        assert due(schedule, window, ran("2026-03-03 07:00"), NOW) == exact(utc("2026-03-03 08:00"))
        assert due(schedule, window, ran("2026-03-03 02:00"), NOW) == exact(NOW)

    def test_a_delta_with_catchup_runs_on_the_grid_of_the_start_date(self) -> None:
        window = Window(start_date=utc("2026-01-01 00:10"), catchup=True)
        runs = upcoming(DeltaTrigger(delta=HOUR), window, None, NOW, 3)
        assert [run.run_after for run in runs] == [utc(f"2026-01-01 0{h}:10") for h in range(3)]

    def test_calendar_deltas(self) -> None:
        window = Window(start_date=utc("2024-01-31"), catchup=True)
        runs = upcoming(DeltaTrigger(delta=RelativeDelta(months=1)), window, None, NOW, 3)
        assert [f"{run.run_after:%m-%d}" for run in runs] == ["01-31", "02-29", "03-29"]


class TestInterval:
    def test_runs_at_the_end_of_the_interval(self) -> None:
        window = Window(start_date=utc("2026-01-01"), catchup=True)
        assert due(DAILY_INTERVAL, window, None, NOW) == interval("2026-01-01", "2026-01-02")
        last = ran("2026-01-01", "2026-01-02")
        assert due(DAILY_INTERVAL, window, last, NOW) == interval("2026-01-02", "2026-01-03")

    def test_the_first_interval_starts_at_the_first_instant_after_the_start_date(self) -> None:
        window = Window(start_date=utc("2026-01-01 08:00"), catchup=True)
        assert due(DAILY_INTERVAL, window, None, NOW) == interval("2026-01-02", "2026-01-03")

    def test_without_catchup_the_last_complete_interval(self) -> None:
        window = Window(start_date=utc("2026-01-01"))
        expected = interval("2026-03-02", "2026-03-03")
        assert due(DAILY_INTERVAL, window, None, NOW) == expected
        assert due(DAILY_INTERVAL, Window(), None, NOW) == expected
        assert due(DAILY_INTERVAL, window, ran("2026-02-01", "2026-02-02"), NOW) == expected
        assert due(DAILY_INTERVAL, window, None, utc("2026-03-03")) == expected
        last = ran("2026-03-02", "2026-03-03")
        assert due(DAILY_INTERVAL, window, last, NOW) == interval("2026-03-03", "2026-03-04")

    def test_end_date_bounds_the_start(self) -> None:
        window = Window(start_date=utc("2026-01-01"), end_date=utc("2026-01-02"), catchup=True)
        last = ran("2026-01-01", "2026-01-02")
        assert due(DAILY_INTERVAL, window, last, NOW) == interval("2026-01-02", "2026-01-03")
        last = ran("2026-01-02", "2026-01-03")
        assert due(DAILY_INTERVAL, window, last, NOW) is None

    def test_the_last_one_inside_the_dates_is_made_up_too(self) -> None:
        window = Window(end_date=utc("2026-03-01"))
        last = ran("2026-02-01", "2026-02-02")
        assert due(DAILY_INTERVAL, window, last, NOW) == interval("2026-03-01", "2026-03-02")

    @pytest.mark.parametrize("catchup", [False, True])
    def test_a_schedule_that_had_no_intervals_takes_no_logical_date_twice(
        self, catchup: bool
    ) -> None:
        moment = utc("2026-03-02")
        last = LastRun(
            logical_date=moment, interval_start=moment, interval_end=moment, run_after=moment
        )
        window = Window(start_date=utc("2026-01-01"), catchup=catchup)
        schedule = CronInterval(expression="@daily")
        now = utc("2026-03-02 07:00")
        assert due(schedule, window, last, now) == interval("2026-03-03", "2026-03-04")

    def test_a_changed_schedule_leaves_no_time_out_and_takes_no_logical_date_twice(self) -> None:
        window = Window(start_date=utc("2026-01-01"), catchup=True)
        weekly = CronInterval(expression="@weekly")
        last = ran("2026-01-06", "2026-01-07")
        assert due(weekly, window, last, NOW) == interval("2026-01-11", "2026-01-18")
        last = ran("2026-01-01", "2026-01-10")
        assert due(weekly, window, last, NOW) == interval("2026-01-04", "2026-01-11")
        last = ran("2026-01-04 00:00", "2026-01-04 01:00")
        assert due(DAILY_INTERVAL, window, last, NOW) == interval("2026-01-05", "2026-01-06")

    def test_a_delta(self) -> None:
        schedule = DeltaInterval(delta=HOUR)
        window = Window(start_date=utc("2026-01-01 00:10"), catchup=True)
        assert due(schedule, window, None, NOW) == interval("2026-01-01 00:10", "2026-01-01 01:10")
        last = ran("2026-01-01 00:10", "2026-01-01 01:10")
        assert due(schedule, window, last, NOW) == interval("2026-01-01 01:10", "2026-01-01 02:10")
        assert due(schedule, Window(), None, NOW) == interval(
            "2026-03-03 06:00", "2026-03-03 07:00"
        )


class TestOthers:
    @pytest.mark.parametrize("schedule", [NoSchedule(), AssetTriggered(AssetLeaf(name="a"))])
    def test_never(self, schedule: ScheduleSpec) -> None:
        assert due(schedule, Window(start_date=NOW, catchup=True), None, NOW) is None

    def test_once(self) -> None:
        start = utc("2026-01-01")
        assert due(Once(), Window(), None, NOW) == exact(NOW)
        assert due(Once(), Window(since=start), None, NOW) == exact(start)
        assert due(Once(), Window(start_date=start), None, NOW) == exact(start)
        assert due(Once(), Window(start_date=start), ran("2026-01-01"), NOW) is None
        assert due(Once(), Window(end_date=start), None, NOW) is None

    def test_continuous_covers_the_time_between(self) -> None:
        start, later = utc("2026-03-01"), NOW + timedelta(hours=1)
        first = due(Continuous(), Window(start_date=start), None, NOW)
        assert first == interval("2026-03-01", "2026-03-03 07:25")
        last = ran("2026-03-01", "2026-03-03 07:25")
        assert due(Continuous(), Window(start_date=start), last, later) == interval(
            "2026-03-03 07:25", "2026-03-03 08:25"
        )

    def test_continuous_never_repeats_a_name_or_a_logical_date(self) -> None:
        dates: set[datetime | None] = set()
        names: set[datetime] = set()
        last: LastRun | None = None
        for _ in range(4):  # the clock stands still
            found = due(Continuous(), Window(), last, NOW)
            assert found is not None
            dates.add(found.logical_date)
            names.add(found.run_after)
            last = LastRun(
                logical_date=found.logical_date,
                interval_start=found.interval_start,
                interval_end=found.interval_end,
                run_after=found.run_after,
            )
        assert len(dates) == len(names) == 4

    def test_continuous_ends(self) -> None:
        assert due(Continuous(), Window(end_date=utc("2026-03-01")), None, NOW) is None
        assert len(upcoming(Continuous(), Window(), None, NOW, 5)) == 1

    def test_events(self) -> None:
        schedule = Events(at=tuple(utc(f"2026-03-0{day}") for day in (1, 2, 5, 7)))
        past = Window(start_date=utc("2026-01-01"))
        assert due(schedule, past, None, NOW) == exact(utc("2026-03-05"))
        assert due(schedule, Window(), None, NOW) == exact(utc("2026-03-05"))
        assert due(schedule, Window(), ran("2026-02-01"), NOW) == exact(utc("2026-03-02"))
        every = Window(start_date=utc("2026-03-02"), catchup=True)
        assert due(schedule, every, None, NOW) == exact(utc("2026-03-02"))
        assert due(schedule, every, ran("2026-03-07"), NOW) is None
        missed = Window(since=utc("2026-03-02 12:00"))
        assert due(schedule, missed, None, utc("2026-03-06")) == exact(utc("2026-03-05"))

    def test_asset_or_time_goes_by_its_time(self) -> None:
        schedule = AssetOrTime(time=DAILY, condition=AssetLeaf(name="a"))
        assert due(schedule, Window(), None, NOW) == due(DAILY, Window(), None, NOW)

    def test_custom_takes_the_stored_times(self) -> None:
        schedule = Custom(classpath="acme.Workdays")
        stored = [exact(utc(f"2026-03-0{day}")) for day in (2, 3, 6)]
        assert due(schedule, Window(), None, NOW, stored) == stored[0]
        assert due(schedule, Window(), ran("2026-03-03"), NOW, stored) == stored[2]
        assert due(schedule, Window(), ran("2026-03-06"), NOW, stored) is None
        assert due(schedule, Window(end_date=NOW), ran("2026-03-03"), NOW, stored) is None
        assert upcoming(schedule, Window(), None, NOW, 9, stored) == stored


TWO_EVENTS = (utc("2026-03-01"), utc("2026-04-01"))


@pytest.mark.parametrize(
    ("schedule", "start", "end"),
    [
        (DAILY, "03-03 07:25", "03-03 07:25"),
        (DAILY_INTERVAL, "03-02 00:00", "03-03 00:00"),
        (AssetOrTime(DAILY_INTERVAL, AssetLeaf(name="a")), "03-02 00:00", "03-03 00:00"),
        (CronTrigger(expressions=("@daily",), interval=HOUR), "03-03 06:25", "03-03 07:25"),
        (DeltaInterval(delta=HOUR), "03-03 06:25", "03-03 07:25"),
        (NoSchedule(), "03-03 07:25", "03-03 07:25"),
        (Custom(classpath="acme.Workdays"), "03-03 07:25", "03-03 07:25"),
        (Events(at=TWO_EVENTS), "03-03 07:25", "03-03 07:25"),
        (Events(at=TWO_EVENTS, restrict=True), "03-01 00:00", "03-01 00:00"),
        (Events(at=TWO_EVENTS[1:], restrict=True), "04-01 00:00", "04-01 00:00"),
    ],
)
def test_manual_interval(schedule: ScheduleSpec, start: str, end: str) -> None:
    assert manual_interval(schedule, NOW) == (utc(f"2026-{start}"), utc(f"2026-{end}"))


def test_upcoming_is_what_due_answers_run_after_run() -> None:
    runs = upcoming(DAILY_INTERVAL, Window(), ran("2026-03-02", "2026-03-03"), NOW, 3)
    assert runs == [interval(f"2026-03-0{day}", f"2026-03-0{day + 1}") for day in (3, 4, 5)]
