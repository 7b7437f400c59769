"""Values that tasks keep between tries, and of assets between runs."""
from datetime import timedelta

from airflow.sdk import DAG, NEVER_EXPIRE, Asset, task
from airflow.sdk.execution_time.context import NEVER_EXPIRE as SAME

ORDERS = Asset(name="orders/daily", uri="s3://warehouse/orders/daily")
assert SAME is NEVER_EXPIRE

with DAG("state_stores"):

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def job(task_state_store, ti):
        known = task_state_store.get("job_id")
        if known is None:
            task_state_store.set("job_id", f"job of try {ti.try_number}", retention=NEVER_EXPIRE)
            raise RuntimeError("the first try dies")
        task_state_store.set("gone", 1)
        task_state_store.delete("gone")
        return [known, task_state_store.get("gone", "default"), ti.try_number]

    @task(retries=1, retry_delay=timedelta(seconds=1))
    async def async_job(n, task_state_store=None):
        if await task_state_store.aget("n") is None:
            await task_state_store.aset("n", {"of": n}, retention=timedelta(days=1))
            raise RuntimeError("the first try dies")
        found = await task_state_store.aget("n")
        await task_state_store.aclear()
        return [found, await task_state_store.aget("n")]

    @task(inlets=[ORDERS], outlets=[ORDERS])
    def load(asset_state_store):
        asset_state_store[ORDERS].set("watermark", "2026-01-01")
        return asset_state_store.get("watermark")

    @task(inlets=[Asset.ref(name="orders/daily")])
    def look(asset_state_store):
        return asset_state_store[ORDERS].get("watermark")

    async_job.expand(n=[1, 2])
    job() >> load() >> look()

EXPECTED = {
    "state_stores": {
        "run": "success",
        "xcoms": {
            "job": ["job of try 1", "default", 2],
            "async_job[0]": [{"of": 1}, None],
            "async_job[1]": [{"of": 2}, None],
            "load": "2026-01-01",
            "look": "2026-01-01",
        },
    }
}
