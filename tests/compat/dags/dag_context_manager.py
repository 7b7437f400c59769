"""A DAG as a context manager, default_args, >> and <<."""
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator

default_args = {
    "owner": "me",
    "depends_on_past": False,
    "email": ["me@example.com"],
    "email_on_failure": False,
    "email_on_retry": False,
    "retries": 1,
    "retry_delay": timedelta(minutes=5),
}

with DAG(
    "context_manager",
    default_args=default_args,
    description="A simple DAG",
    schedule=timedelta(days=1),
    start_date=datetime(2021, 1, 1),
    catchup=False,
    tags=["example", "small"],
) as dag:
    t1 = BashOperator(task_id="print_date", bash_command="date")
    t2 = BashOperator(task_id="sleep", depends_on_past=False, bash_command="true", retries=3)
    t3 = EmptyOperator(task_id="end")
    t1 >> [t2, t3]
    t3 << t2

EXPECTED = {
    "context_manager": {
        "dag": {
            "description": "A simple DAG",
            "tags": ["example", "small"],
            "start_date": "2021-01-01T00:00:00Z",
            "catchup": False,
            "schedule": {"type": "delta", "delta": {"seconds": 86400.0}},
        },
        "tasks": {
            "print_date": {"owner": "me", "retries": 1, "retry_delay_s": 300.0, "upstream": []},
            "sleep": {"retries": 3, "upstream": ["print_date"]},
            "end": {"upstream": ["print_date", "sleep"], "no_op": True},
        },
        "run": "success",
    }
}
