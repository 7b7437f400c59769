"""Sensors: poke and reschedule, soft_fail, timeout, the decorator with PokeReturnValue."""
from airflow import DAG
from airflow.decorators import task
from airflow.sensors.base import BaseSensorOperator, PokeReturnValue
from airflow.sensors.python import PythonSensor
from airflow.providers.standard.sensors.filesystem import FileSensor

calls = {}


def after(name, n):
    calls[name] = calls.get(name, 0) + 1
    return calls[name] >= n


class Countdown(BaseSensorOperator):
    def poke(self, context):
        return after(self.task_id, 3)


with DAG("sensors", schedule=None):
    Countdown(task_id="poke", poke_interval=30)
    Countdown(task_id="reschedule", poke_interval=60, mode="reschedule")
    PythonSensor(task_id="python", python_callable=lambda: True)
    PythonSensor(task_id="soft", python_callable=lambda: False, soft_fail=True, timeout=60)
    PythonSensor(task_id="late", python_callable=lambda: False, timeout=60, retries=3)
    FileSensor(task_id="file", filepath=__file__, poke_interval=5)

    @task.sensor(poke_interval=10, timeout=3600, mode="reschedule")
    def decorated():
        return PokeReturnValue(is_done=after("decorated", 2), xcom_value="found")

    decorated()

EXPECTED = {
    "sensors": {
        "tasks": {"reschedule": {"reschedule_mode": True}, "poke": {"reschedule_mode": False}},
        "run": "failed",
        "states": {"soft": "skipped", "late": "failed"},
        "xcoms": {"decorated": "found"},
    }
}
