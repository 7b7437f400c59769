"""TriggerDagRunOperator, under both names of its date, waiting for the end."""
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("controller", schedule=None) as controller:
    TriggerDagRunOperator(
        task_id="go",
        trigger_dag_id="target",
        conf={"message": "{{ ds }}"},
        execution_date="{{ ds }}",
        wait_for_completion=True,
        poke_interval=5,
    )

with DAG("target", schedule=None) as target:
    BashOperator(task_id="show", bash_command="echo {{ dag_run.conf['message'] }}")

NOTES = ["execution_date is the old name of logical_date"]
EXPECTED = {"controller": {"at": "2026-03-01", "run": "success"}, "target": {}}
