# tradewind: airflow=2
"""A file that says which Airflow it is written for."""
from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator

with DAG("says_two", schedule="@daily", start_date=datetime(2024, 1, 1)):
    EmptyOperator(task_id="a")

EXPECTED = {
    "says_two": {
        "dag": {
            "schedule": {"type": "cron_interval", "expression": "0 0 * * *"},
            "catchup": True,
            "always_dated": True,
        }
    }
}
