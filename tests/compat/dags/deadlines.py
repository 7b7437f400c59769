"""Deadlines of a DAG: a callback when a run has not succeeded by a time."""
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, task
from airflow.sdk.definitions.callback import AsyncCallback as SameCallback
from airflow.sdk.definitions.deadline import DeadlineReference as SameReference


async def tell_later(**kwargs):
    print(kwargs["context"]["dag_run"]["dag_run_id"], kwargs["alert_type"])


def tell(context):
    print(context["deadline"]["deadline_time"])


assert SameCallback is AsyncCallback and SameReference is DeadlineReference

with DAG(
    dag_id="deadlines",
    deadline=[
        DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(hours=1),
            callback=AsyncCallback(tell_later, kwargs={"alert_type": "time_exceeded"}),
            name="an hour",
        ),
        DeadlineAlert(
            reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=5, min_runs=2),
            interval=timedelta(minutes=-1),
            callback=SyncCallback(tell),
        ),
        DeadlineAlert(
            reference=DeadlineReference.FIXED_DATETIME(datetime(2030, 1, 1, tzinfo=timezone.utc)),
            interval=timedelta(0),
            callback=SyncCallback("airflow.providers.smtp.notifications.smtp.SmtpNotifier"),
        ),
    ],
):

    @task
    def work():
        return 1

    work()

with DAG(
    dag_id="one_deadline",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    deadline=DeadlineAlert(
        DeadlineReference.DAGRUN_LOGICAL_DATE, timedelta(hours=2), SyncCallback(tell)
    ),
):
    work()

EXPECTED = {
    "deadlines": {
        "dag": {
            "deadlines": [
                {"reference": {"type": "queued_at"}, "interval_s": 3600.0, "name": "an hour"},
                {
                    "reference": {"type": "average_runtime", "max_runs": 5, "min_runs": 2},
                    "interval_s": -60.0,
                },
                {
                    "reference": {"type": "fixed", "at": "2030-01-01T00:00:00Z"},
                    "interval_s": 0.0,
                },
            ]
        },
        "run": "success",
        "xcoms": {"work": 1},
    },
    "one_deadline": {
        "dag": {"deadlines": [{"reference": {"type": "logical_date"}, "interval_s": 7200.0}]},
    },
}
