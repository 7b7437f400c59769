from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.errors import DagError
from tradewind.model.schedule import (
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    Events,
    NoSchedule,
    Once,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule import LastRun, Window, due, manual_interval, upcoming, validate
from tradewind.schedule.cron import next_match, previous_match

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
START = datetime(2026, 4, 29, tzinfo=UTC)
HOUR = RelativeDelta(seconds=3600)


def times(schedule: ScheduleSpec, *, catchup: bool, count: int = 3) -> list[str]:
    window = Window(start_date=START, catchup=catchup)
    return [d.run_after.strftime("%d %H:%M") for d in upcoming(schedule, window, None, NOW, count)]


def test_cron_trigger() -> None:
    six = CronTrigger(expressions=("0 6 * * *",))
    assert times(six, catchup=True) == ["29 06:00", "30 06:00", "01 06:00"]
    assert times(six, catchup=False) == ["02 06:00", "03 06:00", "04 06:00"]


def test_cron_interval_runs_at_its_end() -> None:
    daily = CronInterval(expression="0 0 * * *")
    assert times(daily, catchup=True) == ["30 00:00", "01 00:00", "02 00:00"]
    assert times(daily, catchup=False)[0] == "01 00:00"
    first = due(daily, Window(start_date=START, catchup=True), None, NOW)
    assert first is not None
    assert first.logical_date == START


def test_deltas() -> None:
    assert times(DeltaTrigger(delta=HOUR), catchup=True)[0] == "29 00:00"
    assert times(DeltaTrigger(delta=HOUR), catchup=False)[0] == "01 12:30"
    assert times(DeltaInterval(delta=HOUR), catchup=True)[0] == "29 01:00"


def test_once_never_and_events() -> None:
    assert due(NoSchedule(), Window(), None, NOW) is None
    assert times(Once(), catchup=False) == ["29 00:00"]
    soon = NOW + timedelta(hours=1)
    assert times(Events(at=(START, soon)), catchup=True) == ["29 00:00", "01 13:30"]
    assert times(Events(at=(START, soon)), catchup=False) == ["01 13:30"]


def test_an_end_date_ends_it() -> None:
    window = Window(start_date=START, end_date=START + timedelta(days=1), catchup=True)
    found = upcoming(CronTrigger(expressions=("0 6 * * *",)), window, None, NOW, 9)
    assert len(found) == 1


def test_a_time_in_the_gap_fires_an_hour_later_and_one_in_the_fold_once() -> None:
    zone = ZoneInfo("Europe/Berlin")

    def local(after: datetime, count: int) -> list[str]:
        found: list[str] = []
        for _ in range(count):
            after = next_match("30 2 * * *", "Europe/Berlin", after)
            found.append(after.astimezone(zone).strftime("%d %H:%M %z"))
        return found

    assert local(datetime(2026, 3, 28, 12, tzinfo=UTC), 2) == ["29 03:30 +0200", "30 02:30 +0200"]
    assert local(datetime(2026, 10, 24, 12, tzinfo=UTC), 2) == ["25 02:30 +0100", "26 02:30 +0100"]


@pytest.mark.parametrize("start", ["2026-10-03T13:00", "2026-04-04T13:00"])
def test_half_hour_changes_neither_raise_nor_stop(start: str) -> None:
    at = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = [at]
    for _ in range(12):
        found.append(next_match("*/20 * * * *", "Australia/Lord_Howe", found[-1]))
    steps = {b - a for a, b in pairwise(found[1:])}
    assert max(steps) <= timedelta(minutes=40)
    assert min(steps) > timedelta()


@given(
    st.sampled_from(["0 6 * * *", "*/15 * * * *", "30 2 * * *", "0 0 1 * *", "5 4 * * 1"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  made aware below
)
def test_matches_go_forwards_and_back(expression: str, zone: str, at: datetime) -> None:
    here = at.replace(tzinfo=UTC)
    following = next_match(expression, zone, here)
    assert following > here
    assert previous_match(expression, zone, following + timedelta(seconds=1)) == following


@given(st.integers(0, 400), st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_intervals_leave_no_gap_and_do_not_overlap(offset_days: int, zone: str) -> None:
    schedule = CronInterval(expression="0 3 * * *", timezone=zone)
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=offset_days)
    last: LastRun | None = None
    window = Window(start_date=start, catchup=True)
    for _ in range(5):
        found = due(schedule, window, last, start)
        assert found is not None
        if last is not None:
            assert found.interval_start == last.interval_end
        last = LastRun(
            logical_date=found.logical_date,
            interval_start=found.interval_start,
            interval_end=found.interval_end,
            run_after=found.run_after,
        )


def test_the_interval_of_a_manual_run() -> None:
    assert manual_interval(NoSchedule(), NOW) == (NOW, NOW)
    start, end = manual_interval(CronInterval(expression="0 0 * * *"), NOW)
    assert (start.day, end.day) == (30, 1)


@pytest.mark.parametrize("text", ["nonsense", "0 0 LW * *", "0 0 W * *", "H * * * *", "@reboot"])
def test_what_is_not_cron_is_refused_by_name(text: str) -> None:
    with pytest.raises(DagError, match=text.split(maxsplit=1)[0].replace("*", r"\*")):
        validate(CronTrigger(expressions=(text,)))
