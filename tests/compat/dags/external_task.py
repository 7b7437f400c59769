"""ExternalTaskSensor and ExternalTaskMarker."""
from datetime import timedelta

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor

with DAG("parent", schedule=None):
    ExternalTaskMarker(task_id="marks", external_dag_id="child", external_task_id="waits")

with DAG("child", schedule=None):
    ExternalTaskSensor(
        task_id="waits",
        external_dag_id="parent",
        external_task_id="marks",
        execution_delta=timedelta(0),
        allowed_states=["success"],
        failed_states=["failed", "skipped"],
        timeout=120,
        poke_interval=60,
        mode="reschedule",
        soft_fail=True,
    ) >> EmptyOperator(task_id="after")

EXPECTED = {
    "parent": {"run": "success"},
    "child": {"run": "success", "states": {"waits": "skipped", "after": "skipped"}},
}
