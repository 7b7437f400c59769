"""Retry policies of Airflow 3.3."""
from datetime import timedelta

from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryRule, task

policy = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=ValueError, action=RetryAction.FAIL, reason="no use"),
        RetryRule(exception=OSError, action=RetryAction.RETRY, retry_delay=timedelta(seconds=1)),
    ]
)

with DAG("policies", schedule=None):

    @task(retries=3, retry_policy=policy)
    def no_use():
        raise ValueError

    @task(retries=3, retry_policy=policy)
    def again(ti=None):
        if ti.try_number < 3:
            raise OSError
        return ti.try_number

    no_use()
    again()

EXPECTED = {
    "policies": {"run": "failed", "states": {"no_use": "failed"}, "xcoms": {"again": 3}}
}
