"""xcom_pull without task_ids, in a file for Airflow 3: of the calling task."""
from airflow.sdk import DAG, task

with DAG("own_task", schedule=None):

    @task
    def a(ti):
        ti.xcom_push("k", "from a")

    @task
    def b(ti):
        before = ti.xcom_pull(key="k")
        ti.xcom_push("k", "from b")
        return [before, ti.xcom_pull(key="k")]

    a() >> b()

EXPECTED = {"own_task": {"run": "success", "xcoms": {"b": [None, "from b"]}}}
