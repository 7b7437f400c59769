"""A task that fails at first and succeeds when it is tried again."""

from datetime import timedelta

from tradewind.sdk import DAG, task

with DAG("retries", description="Fails once, then succeeds.", tags=["example"]):

    @task(retries=2, retry_delay=timedelta(seconds=1))
    def unsteady(try_number: int) -> str:
        if try_number == 1:
            raise RuntimeError("the first try always fails")
        return f"it took {try_number} tries"

    unsteady()
