"""Timetables by name, in their places of Airflow 2 and 3."""
from datetime import datetime, timedelta

import pendulum

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.sdk import MultipleCronTriggerTimetable
from airflow.timetables.events import EventsTimetable
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable, DeltaTriggerTimetable

AT = pendulum.datetime(2026, 4, 5, tz="UTC")
for dag_id, timetable in {
    "cron_trigger": CronTriggerTimetable("0 1 * * *", timezone="Europe/Paris", interval=timedelta(days=1)),
    "cron_interval": CronDataIntervalTimetable("0 1 * * *", timezone="UTC"),
    "delta_trigger": DeltaTriggerTimetable(timedelta(hours=1)),
    "delta_interval": DeltaDataIntervalTimetable(timedelta(hours=1)),
    "several": MultipleCronTriggerTimetable("0 1 * * *", "30 2 * * 1", timezone="UTC"),
    "events": EventsTimetable([AT], description="Easter"),
}.items():
    with DAG(dag_id, schedule=timetable, start_date=datetime(2024, 1, 1), catchup=False):
        EmptyOperator(task_id="a")

EXPECTED = {
    "cron_trigger": {"dag": {"schedule": {"type": "cron", "timezone": "Europe/Paris", "interval": {"seconds": 86400.0}}}},
    "cron_interval": {"dag": {"schedule": {"type": "cron_interval", "expression": "0 1 * * *"}}},
    "delta_trigger": {"dag": {"schedule": {"type": "delta", "delta": {"seconds": 3600.0}}}},
    "delta_interval": {"dag": {"schedule": {"type": "delta_interval", "delta": {"seconds": 3600.0}}}},
    "several": {"dag": {"schedule": {"type": "cron", "expressions": ["0 1 * * *", "30 2 * * 1"]}}},
    "events": {"dag": {"schedule": {"type": "events", "at": ["2026-04-05T00:00:00Z"]}}},
}
