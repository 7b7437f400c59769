"""retries, retry_delay, exponential back-off, AirflowFailException, AirflowSkipException."""
from datetime import timedelta

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.operators.python import PythonOperator


def until(n):
    def f(ti):
        if ti.try_number < n:
            raise AirflowException(f"try {ti.try_number}")
        return ti.try_number

    return f


def fails():
    raise AirflowFailException("for good")


def skips():
    raise AirflowSkipException


with DAG("retries", schedule=None, default_args={"retry_delay": timedelta(minutes=5)}):
    PythonOperator(task_id="third", python_callable=until(3), retries=2)
    PythonOperator(task_id="too_late", python_callable=until(3), retries=1)
    PythonOperator(
        task_id="backoff",
        python_callable=until(4),
        retries=5,
        retry_delay=10,
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=1),
    )
    PythonOperator(task_id="for_good", python_callable=fails, retries=5)
    PythonOperator(task_id="skips", python_callable=skips, retries=5)

EXPECTED = {
    "retries": {
        "tasks": {
            "backoff": {
                "retries": 5,
                "retry_delay_s": 10.0,
                "retry_backoff": 2.0,
                "max_retry_delay_s": 60.0,
            }
        },
        "run": "failed",
        "states": {"too_late": "failed", "for_good": "failed", "skips": "skipped"},
        "xcoms": {"third": 3, "backoff": 4},
    }
}
