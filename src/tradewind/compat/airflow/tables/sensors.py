"""Sensors: the standard provider's, and the older places of the same."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_STANDARD = "airflow.providers.standard.sensors"

_BASE = {
    "BaseSensorOperator": "sdk:BaseSensorOperator",
    "PokeReturnValue": "sdk:PokeReturnValue",
    "poke_mode_only": "sdk.sensors.base",
}
_BASH = {"BashSensor": "sdk:BashSensor"}
_DATE_TIME = {
    "DateTimeSensor": "sdk:DateTimeSensor",
    "DateTimeSensorAsync": "sdk:DateTimeSensorAsync",
}
_EXTERNAL = {
    "ExternalTaskSensor": "sdk:ExternalTaskSensor",
    "ExternalTaskMarker": "sdk:ExternalTaskMarker",
    "ExternalDagLink": "sdk:BaseOperatorLink",
    "ExternalTaskSensorLink": "sdk:BaseOperatorLink",
}
_FILE = {"FileSensor": "sdk:FileSensor"}
_PYTHON = {"PythonSensor": "sdk:PythonSensor"}
_TIME = {"TimeSensor": "sdk:TimeSensor", "TimeSensorAsync": "sdk:TimeSensorAsync"}
_TIME_DELTA = {
    "TimeDeltaSensor": "sdk:TimeDeltaSensor",
    "TimeDeltaSensorAsync": "sdk:TimeDeltaSensorAsync",
    "WaitSensor": "sdk:WaitSensor",
}
_WEEKDAY = {"DayOfWeekSensor": "sdk:DayOfWeekSensor"}

TABLE: Table = {
    "airflow.sensors": Module(
        {**_BASE, **_BASH, **_EXTERNAL, **_FILE, **_PYTHON, **_TIME, **_TIME_DELTA}
    ),
    "airflow.sensors.base": Module(_BASE),
    "airflow.sensors.bash": Module(_BASH),
    "airflow.sensors.date_time": Module(_DATE_TIME),
    "airflow.sensors.external_task": Module(_EXTERNAL),
    "airflow.sensors.filesystem": Module(_FILE),
    "airflow.sensors.python": Module(_PYTHON),
    "airflow.sensors.time_sensor": Module(_TIME),
    "airflow.sensors.time_delta": Module(_TIME_DELTA),
    "airflow.sensors.weekday": Module(_WEEKDAY),
    # Gone in Airflow 3
    "airflow.sensors.base_sensor_operator": Module(_BASE, moved="airflow.sdk"),
    "airflow.sensors.bash_sensor": Module(_BASH, moved=f"{_STANDARD}.bash"),
    "airflow.sensors.date_time_sensor": Module(_DATE_TIME, moved=f"{_STANDARD}.date_time"),
    "airflow.sensors.external_task_sensor": Module(_EXTERNAL, moved=f"{_STANDARD}.external_task"),
    "airflow.sensors.file_sensor": Module(_FILE, moved=f"{_STANDARD}.filesystem"),
    "airflow.sensors.python_sensor": Module(_PYTHON, moved=f"{_STANDARD}.python"),
    "airflow.sensors.time_delta_sensor": Module(_TIME_DELTA, moved=f"{_STANDARD}.time_delta"),
    "airflow.sensors.time_sensor_async": Module(_TIME, moved=f"{_STANDARD}.time"),
    "airflow.sensors.weekday_sensor": Module(_WEEKDAY, moved=f"{_STANDARD}.weekday"),
    # The standard provider: ours, though the package may be installed
    _STANDARD: Module(),
    f"{_STANDARD}.bash": Module(_BASH),
    f"{_STANDARD}.date_time": Module(_DATE_TIME),
    f"{_STANDARD}.external_task": Module(_EXTERNAL),
    f"{_STANDARD}.filesystem": Module(_FILE),
    f"{_STANDARD}.python": Module(_PYTHON),
    f"{_STANDARD}.time": Module(_TIME),
    f"{_STANDARD}.time_delta": Module(_TIME_DELTA),
    f"{_STANDARD}.weekday": Module(_WEEKDAY),
}
