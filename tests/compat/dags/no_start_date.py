"""A DAG without schedule and start_date; bare @dag."""
from airflow.sdk import dag, task


@dag
def bare():
    @task
    def a():
        return 1

    a()


bare()

EXPECTED = {"bare": {"dag": {"start_date": None, "schedule": {"type": "none"}}, "run": "success"}}
