"""What `@task.sensor` makes."""

from __future__ import annotations

from tradewind.sdk.sensors.python import PythonSensor


class SensorDecoratedOperator(PythonSensor):
    """Call the decorated function again and again until it returns something true."""

    custom_operator_name = "@task.sensor"
