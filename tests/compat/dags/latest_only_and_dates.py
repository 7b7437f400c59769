"""LatestOnlyOperator, BranchDateTimeOperator, BranchDayOfWeekOperator, DayOfWeekSensor."""
import datetime

from airflow import DAG
from airflow.operators.datetime import BranchDateTimeOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.latest_only import LatestOnlyOperator
from airflow.operators.weekday import BranchDayOfWeekOperator
from airflow.sensors.weekday import DayOfWeekSensor
from airflow.utils.weekday import WeekDay


def ends(task, name):
    yes, no = EmptyOperator(task_id=f"{name}_yes"), EmptyOperator(task_id=f"{name}_no")
    task >> [yes, no]


with DAG("dates", schedule=None):
    LatestOnlyOperator(task_id="latest") >> EmptyOperator(task_id="after")
    ends(
        BranchDateTimeOperator(
            task_id="time",
            follow_task_ids_if_true=["time_yes"],
            follow_task_ids_if_false=["time_no"],
            target_lower=datetime.time(5),
            target_upper=datetime.time(7),
            use_task_execution_date=True,
        ),
        "time",
    )
    ends(
        BranchDayOfWeekOperator(
            task_id="day",
            follow_task_ids_if_true="day_yes",
            follow_task_ids_if_false="day_no",
            week_day={WeekDay.MONDAY, "Tuesday"},
            use_task_logical_date=True,
        ),
        "day",
    )
    DayOfWeekSensor(task_id="sunday", week_day="Sunday", use_task_execution_day=True)

NOTES = ["use_task_execution_date is the old name", "airflow.utils.weekday"]
EXPECTED = {
    "dates": {
        "at": "2026-03-01T06:00:00",
        "run": "success",
        "states": {"time_no": "skipped", "day_yes": "skipped"},
    }
}
