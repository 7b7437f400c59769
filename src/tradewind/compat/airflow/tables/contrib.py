"""`airflow.contrib` of Airflow 1: everything moved into provider packages or the core."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_SENSORS = "airflow.providers.standard.sensors"

TABLE: Table = {
    "airflow.contrib": Module(),
    "airflow.contrib.operators": Module(),
    "airflow.contrib.hooks": Module(),
    "airflow.contrib.sensors": Module(),
    "airflow.contrib.hooks.fs_hook": Module(
        {"FSHook": "sdk.hooks.filesystem"}, moved="airflow.providers.standard.hooks.filesystem"
    ),
    "airflow.contrib.sensors.bash_sensor": Module(
        {"BashSensor": "sdk:BashSensor"}, moved=f"{_SENSORS}.bash"
    ),
    "airflow.contrib.sensors.file_sensor": Module(
        {"FileSensor": "sdk:FileSensor"}, moved=f"{_SENSORS}.filesystem"
    ),
    "airflow.contrib.sensors.python_sensor": Module(
        {"PythonSensor": "sdk:PythonSensor"}, moved=f"{_SENSORS}.python"
    ),
    "airflow.contrib.sensors.weekday_sensor": Module(
        {"DayOfWeekSensor": "sdk:DayOfWeekSensor"}, moved=f"{_SENSORS}.weekday"
    ),
    "airflow.contrib.operators.dagrun_operator": Module(
        {"TriggerDagRunOperator": "sdk:TriggerDagRunOperator"},
        moved="airflow.providers.standard.operators.trigger_dagrun",
    ),
}
