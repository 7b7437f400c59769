"""Operators whose work is a coroutine in the task's own process."""
import asyncio

from airflow.providers.standard.hooks.package_index import PackageIndexHook
from airflow.sdk import DAG, BaseAsyncOperator, task
from airflow.sdk.bases.operator import BaseAsyncOperator as Same

assert Same is BaseAsyncOperator


class Gathers(BaseAsyncOperator):
    template_fields = ("words",)

    def __init__(self, words, **kwargs):
        super().__init__(**kwargs)
        self.words = words

    async def aexecute(self, context):
        async def shout(word):
            await asyncio.sleep(0)
            return word.upper()

        return await asyncio.gather(*map(shout, self.words))


with DAG("async_operators"):

    @task
    def index():
        return PackageIndexHook("shop").get_connection_url()

    Gathers(task_id="gathers", words=["a", "{{ dag.dag_id }}"]) >> index()

EXPECTED = {
    "async_operators": {
        "run": "success",
        "xcoms": {"gathers": ["A", "ASYNC_OPERATORS"], "index": "shop.example"},
    }
}
