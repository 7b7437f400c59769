"""Deferrable operators: an own trigger, sensors with deferrable=True, TriggerEvent."""
import asyncio
from datetime import timedelta

from airflow import DAG
from airflow.models.baseoperator import BaseOperator
from airflow.sensors.time_delta import TimeDeltaSensor
from airflow.sensors.date_time import DateTimeSensorAsync
from airflow.triggers.base import BaseTrigger, TriggerEvent
from airflow.triggers.temporal import TimeDeltaTrigger


class Now(BaseTrigger):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def serialize(self):
        return (f"{self.__module__}.Now", {"value": self.value})

    async def run(self):
        await asyncio.sleep(0)
        yield TriggerEvent({"got": self.value})


class Defers(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Now("x"), method_name="resume", kwargs={"more": 1})

    def resume(self, context, event=None, more=0):
        return [event["got"], more]


class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(hours=1)), method_name="done")

    def done(self, context, event=None):
        return "later"


with DAG("deferrable", schedule=None):
    Defers(task_id="defers")
    Waits(task_id="waits")
    TimeDeltaSensor(task_id="delta", delta=timedelta(seconds=30), deferrable=True)
    DateTimeSensorAsync(task_id="time", target_time="{{ logical_date.add(minutes=1) }}")

EXPECTED = {
    "deferrable": {"run": "success", "xcoms": {"defers": ["x", 1], "waits": "later"}}
}
