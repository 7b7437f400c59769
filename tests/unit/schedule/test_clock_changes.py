"""Cron expressions in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tradewind.errors import DagError
from tradewind.model.schedule import CronInterval, CronTrigger
from tradewind.schedule import Window, due, upcoming, validate
from tradewind.schedule.times import CronTimes, zone


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(expression: str, name: str, start: str, count: int) -> list[str]:
    """List fire times on the wall clock, with their offset."""
    times, at = CronTimes((expression,), name), utc(start)
    shown: list[str] = []
    for _ in range(count):
        following = times.after(at)
        assert following is not None
        at = following
        shown.append(at.astimezone(zone(name)).strftime("%d %H:%M%z"))
    return shown


def test_a_time_in_the_gap_fires_one_hour_later() -> None:
    assert local("30 2 * * *", "Europe/Paris", "2026-03-28", 3) == [
        "28 02:30+0100",
        "29 03:30+0200",
        "30 02:30+0200",
    ]


def test_a_time_that_comes_twice_fires_once_the_second_time() -> None:
    assert local("30 2 * * *", "Europe/Paris", "2026-10-24", 3) == [
        "24 02:30+0200",
        "25 02:30+0100",
        "26 02:30+0100",
    ]


def test_every_minute_of_an_hour_that_changes_comes_once() -> None:
    assert local("0,30 2 * * *", "Europe/Paris", "2026-03-28T20:00", 3) == [
        "29 03:00+0200",
        "29 03:30+0200",
        "30 02:00+0200",
    ]
    assert local("0,30 2 * * *", "Europe/Paris", "2026-10-24T23:00", 3) == [
        "25 02:00+0100",
        "25 02:30+0100",
        "26 02:00+0100",
    ]
    # Asked in the hour that will be repeated, too.
    assert local("0,30 2 * * *", "Europe/Paris", "2026-10-25T00:40", 1) == ["25 02:00+0100"]


def test_every_hour_of_some_days_begins_with_the_day() -> None:
    assert local("0 * 1 * *", "Europe/Paris", "2026-03-02", 2) == [
        "01 00:00+0200",
        "01 01:00+0200",
    ]


def test_hourly_goes_through_both() -> None:
    assert local("30 * * * *", "Europe/Paris", "2026-10-24T23:00", 4) == [
        "25 01:30+0200",
        "25 02:30+0200",
        "25 02:30+0100",
        "25 03:30+0100",
    ]
    assert local("30 * * * *", "Europe/Paris", "2026-03-29", 3) == [
        "29 01:30+0100",
        "29 03:30+0200",
        "29 04:30+0200",
    ]


def test_every_two_hours_is_not_hourly() -> None:
    assert local("0 */2 * * *", "Europe/Paris", "2026-10-24T22:00", 3) == [
        "25 02:00+0100",
        "25 04:00+0100",
        "25 06:00+0100",
    ]


def test_a_shifted_time_does_not_hide_the_one_before_it() -> None:
    # 02:30 does not exist and fires at 03:30, after 03:15.
    assert local("15,30 2,3 * * *", "Europe/Paris", "2026-03-29", 3) == [
        "29 03:15+0200",
        "29 03:30+0200",
        "30 02:15+0200",
    ]


def test_half_an_hour_in_lord_howe() -> None:
    assert local("*/20 * * * *", "Australia/Lord_Howe", "2026-10-03T15:00", 4) == [
        "04 01:40+1030",
        "04 02:30+1100",
        "04 02:40+1100",
        "04 02:50+1100",
    ]
    assert local("15 * * * *", "Australia/Lord_Howe", "2026-10-03T14:00", 3) == [
        "04 01:15+1030",
        "04 02:45+1100",
        "04 03:15+1100",
    ]
    assert local("15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00", 4) == [
        "05 01:15+1100",
        "05 02:15+1030",
        "05 03:15+1030",
        "05 04:15+1030",
    ]
    assert local("45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00", 3) == [
        "05 01:45+1100",
        "05 01:45+1030",
        "05 02:45+1030",
    ]


@pytest.mark.parametrize("expression", ["*/20 * * * *", "0 * * * *", "30 2 * * *"])
@pytest.mark.parametrize("start", ["2026-04-04", "2026-10-03"])
def test_intervals_in_lord_howe_have_no_gap(expression: str, start: str) -> None:
    schedule = CronInterval(expression=expression, timezone="Australia/Lord_Howe")
    window = Window(start_date=utc(start), catchup=True)
    runs = upcoming(schedule, window, None, utc("2027-01-01"), 120)
    assert len(runs) == 120
    for earlier, later in pairwise(runs):
        assert earlier.interval_end == later.interval_start


def test_a_day_that_was_left_out() -> None:
    # Samoa had no 30 December 2011.
    assert local("0 12 * * *", "Pacific/Apia", "2011-12-29T10:00", 3) == [
        "29 12:00-1000",
        "31 12:00+1400",
        "01 12:00+1400",
    ]


def test_several_expressions_fire_in_order_and_together_once() -> None:
    schedule = CronTrigger(expressions=("0 6 * * *", "0 */6 * * *"), timezone="Europe/Paris")
    runs = upcoming(
        schedule, Window(start_date=utc("2026-01-01"), catchup=True), None, utc("2026-01-01"), 4
    )
    assert [run.run_after.hour for run in runs] == [5, 11, 17, 23]


def test_a_fixed_offset_is_a_zone() -> None:
    schedule = CronTrigger(expressions=("0 6 * * *",), timezone="+05:30")
    validate(schedule)
    found = due(schedule, Window(), None, utc("2026-01-01"))
    assert found is not None
    assert found.run_after == utc("2026-01-01 00:30")


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Europe", "../etc/passwd", "", "+5"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(DagError, match="IANA"):
        validate(CronTrigger(expressions=("@daily",), timezone=name))
