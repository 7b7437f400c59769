"""A timetable of one's own."""
from pendulum import UTC, DateTime, Time

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable


class Workdays(Timetable):
    description = "Each workday"

    def infer_manual_data_interval(self, run_after):
        start = DateTime.combine((run_after.subtract(days=1)).date(), Time.min).replace(tzinfo=UTC)
        return DataInterval(start=start, end=start.add(days=1))

    def next_dagrun_info(self, *, last_automated_data_interval, restriction: TimeRestriction):
        if restriction.earliest is None:
            return None
        start = restriction.earliest
        if last_automated_data_interval is not None:
            start = last_automated_data_interval.end
        while start.day_of_week in (5, 6):
            start = start.add(days=1)
        return DagRunInfo.interval(start=start, end=start.add(days=1))


with DAG("workdays", schedule=Workdays(), catchup=False):
    EmptyOperator(task_id="a")

EXPECTED = {
    "workdays": {"dag": {"schedule": {"type": "custom", "description": "Each workday"}}},
}
