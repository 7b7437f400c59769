"""The runs that Airflow made beside those that Tradewind would have made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradewind.cli.shadowing import Compared, Span, Verdict, compare_all
from tradewind.model.schedule import (
    CronInterval,
    CronTrigger,
    Custom,
    NoSchedule,
    ScheduleSpec,
)
from tradewind.model.spec import DagSpec
from tradewind.store.airflow_db.schedules import AirflowDag, ScheduledRun

SPAN = Span(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 15, 12, tzinfo=UTC))
DAILY = CronTrigger(expressions=("@daily",))
INTERVALS = CronInterval(expression="@daily")


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def moment(number: int) -> ScheduledRun:
    at = day(number)
    return ScheduledRun(run_after=at, logical_date=at, interval_start=at, interval_end=at)


def interval(number: int) -> ScheduledRun:
    start, end = day(number - 1), day(number)
    return ScheduledRun(run_after=end, logical_date=start, interval_start=start, interval_end=end)


def compared(
    *runs: ScheduledRun,
    schedule: ScheduleSpec = DAILY,
    before: ScheduledRun | None = None,
    paused: bool = False,
    catchup: bool = False,
) -> Compared:
    spec = DagSpec(dag_id="d", schedule=schedule, start_date=day(1), catchup=catchup)
    dag = AirflowDag(dag_id="d", paused=paused, runs=runs, before=before)
    (found,) = compare_all({"d": spec}, {}, [dag], SPAN)
    return found


ALL = [moment(n) for n in range(10, 16)]


@pytest.mark.parametrize("catchup", [False, True])
def test_the_same_runs(catchup: bool) -> None:
    found = compared(*ALL, before=moment(9), catchup=catchup)
    assert (found.verdict, found.same, found.reason) == (Verdict.SAME, 6, "")


def test_data_intervals() -> None:
    runs = [interval(n) for n in range(10, 16)]
    assert compared(*runs, schedule=INTERVALS, before=interval(9)).verdict is Verdict.SAME


def test_a_schedule_that_airflow_2_reads_otherwise() -> None:
    found = compared(*(interval(n) for n in range(10, 16)), before=interval(9))
    assert (found.verdict, found.same, len(found.shifted)) == (Verdict.DIFFERENT, 0, 6)
    assert "# tradewind: airflow=2" in found.reason
    found = compared(*ALL, schedule=INTERVALS, before=moment(9))
    assert "core.airflow_semantics = 3" in found.reason


def test_other_times() -> None:
    late = CronTrigger(expressions=("0 5 * * *",))
    found = compared(*ALL, schedule=late, before=moment(9))
    assert (len(found.only_airflow), len(found.only_here)) == (6, 6)
    assert "time zone" in found.reason


def test_airflow_is_behind_or_left_some_out() -> None:
    found = compared(*ALL[:4], before=moment(9))
    assert [run.run_after for run in found.only_here] == [day(14), day(15)]
    assert "has not come so far" in found.reason
    found = compared(*ALL[:2], *ALL[4:], before=moment(9))
    assert "left some out" in found.reason


def test_airflow_ran_more_often() -> None:
    twice = [msg for run in ALL for msg in (run, moved(run, hours=6))]
    found = compared(*twice, before=moment(9))
    assert (found.same, len(found.only_airflow)) == (6, 6)
    assert "more often" in found.reason


def moved(run: ScheduledRun, *, hours: int) -> ScheduledRun:
    at = run.run_after + timedelta(hours=hours)
    return ScheduledRun(run_after=at, logical_date=at, interval_start=at, interval_end=at)


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [(NoSchedule(), "no schedule"), (Custom(classpath="mine.Timetable"), "code of its own")],
)
def test_what_no_clock_decides_is_not_compared(schedule: ScheduleSpec, reason: str) -> None:
    found = compared(*ALL, schedule=schedule)
    assert found.verdict is Verdict.NOT_COMPARED
    assert reason in found.reason


def test_dags_that_only_one_has() -> None:
    assert "paused" in compared(paused=True).reason
    spec = DagSpec(dag_id="here", schedule=DAILY)
    there = AirflowDag(dag_id="there", paused=False)
    here, gone = compare_all({"here": spec}, {}, [there], SPAN)
    assert (here.reason, gone.reason) == ("Airflow has no such DAG", "it is not in the folder")
    (broken,) = compare_all({}, {"etl.py": "SyntaxError"}, [there], SPAN)
    assert "etl.py" in broken.reason
