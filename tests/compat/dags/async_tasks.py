"""Async functions as tasks."""
import asyncio

from airflow.sdk import DAG, task

with DAG("asynchronous", schedule=None):

    @task
    async def waits(x):
        await asyncio.sleep(0)
        return x + 1

    waits(1)

EXPECTED = {"asynchronous": {"run": "success", "xcoms": {"waits": 2}}}
