"""Arguments about where and when a task runs, as they reach the specification."""
from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.weight_rule import WeightRule

with DAG(
    "arguments",
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=True,
    max_active_runs=2,
    max_active_tasks=3,
    max_consecutive_failed_dag_runs=4,
    dagrun_timeout=timedelta(hours=2),
    is_paused_upon_creation=True,
    dag_display_name="Shown",
    owner_links={"me": "https://example.com"},
    access_control={"team": {"can_read"}},
    fail_fast=False,
):
    PythonOperator(
        task_id="a",
        python_callable=print,
        owner="me",
        pool="small",
        pool_slots=2,
        priority_weight=5,
        weight_rule=WeightRule.ABSOLUTE,
        queue="special",
        execution_timeout=timedelta(minutes=3),
        depends_on_past=True,
        wait_for_downstream=True,
        max_active_tis_per_dag=1,
        max_active_tis_per_dagrun=1,
        executor_config={"KubernetesExecutor": {"image": "x"}},
        run_as_user="nobody",
        resources={"cpus": 1},
        task_display_name="First",
        doc_md="*about*",
        sla=timedelta(hours=1),
        start_date=datetime(2024, 2, 1),
        email="me@example.com",
        email_on_failure=False,
        email_on_retry=False,
    )
    EmptyOperator(task_id="b")

EXPECTED = {
    "arguments": {
        "dag": {
            "catchup": True,
            "max_active_runs": 2,
            "max_active_tasks": 3,
            "max_consecutive_failed_dag_runs": 4,
            "dagrun_timeout_s": 7200.0,
            "is_paused_upon_creation": True,
            "display_name": "Shown",
            "owner_links": {"me": "https://example.com"},
            "access_control": {"team": ["can_read"]},
        },
        "tasks": {
            "a": {
                "owner": "me",
                "pool": "small",
                "pool_slots": 2,
                "priority_weight": 5,
                "weight_rule": "absolute",
                "queue": "special",
                "execution_timeout_s": 180.0,
                "depends_on_past": True,
                "wait_for_downstream": True,
                "max_active_tis_per_dag": 1,
                "max_active_tis_per_dagrun": 1,
                "display_name": "First",
                "doc_md": "*about*",
                "start_date": "2024-02-01T00:00:00Z",
            }
        },
    }
}
