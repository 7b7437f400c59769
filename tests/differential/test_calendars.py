"""The next twelve runs of any schedule, and the data intervals of manual runs, beside Airflow's."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.differential import ours
from tests.differential.airflow_side import AirflowSide
from tests.property.test_schedule import CHANGES, CRONS, ZONES
from tradewind.schedule.cron import parse
from tradewind.schedule.times import zone as time_zone

COUNT = 12
pytestmark = pytest.mark.timeout(600)
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
HEAD = """
from datetime import timedelta
import pendulum
from dateutil.relativedelta import relativedelta
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)
"""


def by_an_hour(zone: str) -> bool:
    """Tell whether a zone's clock only ever changes by an hour, or not at all.

    Where it changes by less or more, Airflow raises or loses runs (differences-from-airflow.md).
    """
    tz, day = time_zone(zone), timedelta(days=1)
    moved = [
        (at + day).astimezone(tz).utcoffset() - at.astimezone(tz).utcoffset()  # type: ignore[operator]
        for at in CHANGES[zone]
    ]
    return all(abs(by) in {timedelta(0), timedelta(hours=1)} for by in moved)


COMPARED = sorted(zone for zone in ZONES if by_an_hour(zone) and not zone.startswith("+"))
"""Airflow's pendulum knows no offset as the name of a zone."""

PRESETS = st.sampled_from(["@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"])
DELTAS = st.sampled_from(
    [
        "timedelta(minutes=7)",
        "timedelta(hours=1)",
        "timedelta(hours=36)",
        "timedelta(days=1)",
        "timedelta(days=7)",
        "relativedelta(months=1)",
        "relativedelta(days=2, hours=3)",
    ]
)


def crons(zone: str) -> st.SearchStrategy[str]:
    """Draw an expression that Airflow computes rightly in a zone.

    At a change of the clock Airflow loses runs of those that match several times in some hours
    of the day, and is an hour off with those that match in every hour of some days
    (differences-from-airflow.md).
    """
    return CRONS if zone == "UTC" else CRONS.filter(steady)


def steady(text: str) -> bool:
    """Tell whether an expression matches once in an hour, or in every hour of every day."""
    return text.endswith(" * * *") if parse(text).hourly else len(parse(text).minutes) == 1


@st.composite
def schedules(draw: st.DrawFn, zone: str) -> str:
    """Draw what stands behind `schedule=`."""
    cron, other = draw(crons(zone)), draw(crons(zone))
    delta = draw(DELTAS)
    return draw(
        st.sampled_from(
            [
                "None",
                '"@once"',
                repr(draw(PRESETS)),
                repr(cron),
                delta,
                f"CronTriggerTimetable({cron!r}, timezone={zone!r})",
                f"CronTriggerTimetable({cron!r}, timezone={zone!r}, interval={delta})",
                f"CronTriggerTimetable({cron!r}, timezone={zone!r}, run_immediately=True)",
                f"MultipleCronTriggerTimetable({cron!r}, {other!r}, timezone={zone!r})",
                f"CronDataIntervalTimetable({cron!r}, timezone={zone!r})",
                f"DeltaTriggerTimetable({delta})",
                f"DeltaTriggerTimetable({delta}, interval=timedelta(hours=2))",
                f"DeltaDataIntervalTimetable({delta})",
            ]
        )
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw a DAG file and the time at which it is looked at."""
    zone = draw(st.sampled_from(COMPARED))
    near = draw(st.sampled_from(CHANGES[zone]))
    now = near + timedelta(minutes=draw(st.integers(-2880, 2880)))
    catchup = draw(st.booleans())
    # Between two minutes: at one that comes twice, Airflow's answer depends on how it got there.
    start = now - timedelta(minutes=draw(st.integers(-3000, 20000)), seconds=30)
    arguments = [f"schedule={draw(schedules(zone))}", f"catchup={catchup}"]
    if catchup or draw(st.booleans()):
        arguments.append(f"start_date={moment(start, zone)}")
    if draw(st.integers(0, 3)) == 0:
        end = max(start, now) + timedelta(minutes=draw(st.integers(0, 5000)))
        arguments.append(f"end_date={moment(end, 'UTC')}")
    return f"{HEAD}\ndag = DAG('generated', {', '.join(arguments)})\n", now


def moment(at: datetime, zone: str) -> str:
    """Return an instant as a DAG file writes it: the wall clock of a zone."""
    return f"pendulum.parse({at.isoformat()!r}).in_timezone({zone!r})"


@settings(max_examples=600, deadline=None, suppress_health_check=SLOW)
@given(files())
def test_the_next_runs(airflow_side: AirflowSide, drawn: tuple[str, datetime]) -> None:
    source, now = drawn
    theirs = airflow_side.ask("upcoming", source=source, now=now.isoformat(), count=COUNT)
    event(f"{len(theirs)} runs")
    assert ours.upcoming(source, now, COUNT) == theirs


@settings(max_examples=600, deadline=None, suppress_health_check=SLOW)
@given(files(), st.integers(0, 20000), st.sampled_from([0, 60, 1440, 10080]))
def test_the_next_runs_after_a_run_of_another_schedule(
    airflow_side: AirflowSide, drawn: tuple[str, datetime], ago: int, length: int
) -> None:
    source, now = drawn
    end = now - timedelta(minutes=ago)
    last = [end - timedelta(minutes=length), end]
    first = ours.spec_of(source)
    # Airflow forgets the start_date once there is a run (differences-from-airflow.md).
    assume(not first.catchup or first.start_date is None or first.start_date <= end)
    theirs = airflow_side.ask(
        "upcoming",
        source=source,
        now=now.isoformat(),
        count=COUNT,
        last_run=[at.isoformat() for at in last],
    )
    assert ours.upcoming(source, now, COUNT, last) == theirs


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(files(), st.lists(st.integers(-50000, 50000), min_size=1, max_size=8))
def test_the_intervals_of_manual_runs(
    airflow_side: AirflowSide, drawn: tuple[str, datetime], minutes: list[int]
) -> None:
    source, now = drawn
    at = [now + timedelta(minutes=m) for m in minutes]
    theirs = airflow_side.ask("manual_intervals", source=source, at=[t.isoformat() for t in at])
    # At a wall time that the clock jumped over, Airflow finds an interval without any length.
    assume("schedule=CronDataInterval" not in source or all(start != end for start, end in theirs))
    assert ours.manual_intervals(source, at) == theirs
