"""The zone of the start date is the schedule's."""
import pendulum

from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG(
    "zoned",
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Amsterdam"),
    end_date=pendulum.datetime(2024, 12, 31, tz="Europe/Amsterdam"),
):
    EmptyOperator(task_id="a")

EXPECTED = {
    "zoned": {
        "dag": {
            "timezone": "Europe/Amsterdam",
            "start_date": "2023-12-31T23:00:00Z",
            "end_date": "2024-12-30T23:00:00Z",
            "schedule": {
                "type": "cron",
                "expressions": ["0 6 * * *"],
                "timezone": "Europe/Amsterdam",
            },
        }
    }
}
