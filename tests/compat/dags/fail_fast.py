"""fail_fast, under both names."""
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("stops", schedule=None, fail_stop=True):
    BashOperator(task_id="a", bash_command="false") >> BashOperator(task_id="b", bash_command="true")
with DAG("stops_too", schedule=None, fail_fast=True):
    BashOperator(task_id="a", bash_command="false")

NOTES = ["fail_stop is the old name of fail_fast"]
EXPECTED = {
    "stops": {
        "dag": {"fail_fast": True},
        "run": "success",
        "states": {"a": "failed", "b": "skipped"},
    },
    "stops_too": {"dag": {"fail_fast": True}},
}
