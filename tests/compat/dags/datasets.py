"""Datasets, the name of assets from Airflow 2.4 to 2.10."""
from datetime import datetime

from airflow import DAG, Dataset
from airflow.datasets import Dataset as Same
from airflow.datasets import DatasetAlias
from airflow.datasets.metadata import Metadata
from airflow.decorators import task
from airflow.operators.bash import BashOperator
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

orders = Dataset("s3://bucket/orders.csv")
users = Same("s3://bucket/users.csv", extra={"team": "a"})

with DAG("produce", schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False):
    BashOperator(task_id="orders", bash_command="true", outlets=[orders])

    @task(outlets=[users])
    def write():
        yield Metadata(users, {"rows": 5})

    write()

with DAG("consume", schedule=[orders, users]):
    BashOperator(task_id="a", bash_command="true", inlets=[orders])

with DAG("either", schedule=(orders | users)):
    BashOperator(task_id="a", bash_command="echo {{ triggering_dataset_events }}")

with DAG(
    "timed",
    schedule=DatasetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 1 * * 3", timezone="UTC"), datasets=(orders & users)
    ),
):
    BashOperator(task_id="a", bash_command="true")

NOTES = ["airflow.datasets"]
EXPECTED = {
    "produce": {"run": "success", "dag": {"schedule": {"type": "cron_interval", "expression": "0 0 * * *"}}},
    "consume": {"dag": {"always_dated": True}},
    "either": {},
    "timed": {},
}
