"""DAGs made in a loop and put into globals()."""
from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator


def make(name, schedule):
    dag = DAG(f"report_{name}", schedule=schedule, start_date=datetime(2024, 1, 1), catchup=False)
    with dag:
        BashOperator(task_id="report", bash_command=f"echo {name}")
    return dag


for name, schedule in {"eu": "@daily", "us": "@hourly"}.items():
    globals()[f"report_{name}"] = make(name, schedule)

EXPECTED = {
    "report_eu": {"run": "success", "xcoms": {"report": "eu"}},
    "report_us": {"run": "success", "xcoms": {"report": "us"}},
}
