"""A run without a logical date: its dates are undefined, in Airflow 3's meaning."""
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.bash import BashOperator

with DAG("undated", schedule=None):
    BashOperator(task_id="ds", bash_command="echo {{ ds }}")
    BashOperator(task_id="run_id", bash_command="echo {{ run_id[:8] }}")

    @task
    def dates(**context):
        return ["ds" in context, context["dag_run"].logical_date]

    dates()

EXPECTED = {
    "undated": {
        "at": None,
        "run": "failed",
        "states": {"ds": "failed"},
        "xcoms": {"run_id": "manual__", "dates": [False, None]},
    }
}
