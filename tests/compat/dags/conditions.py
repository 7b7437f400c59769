"""@task.run_if and @task.skip_if."""
from airflow.sdk import DAG, task

with DAG("conditions", schedule=None):

    @task.run_if(lambda context: context["task_instance"].task_id == "runs")
    @task
    def runs():
        return 1

    @task.skip_if(lambda context: True, skip_message="always")
    @task
    def skips():
        return 1

    runs()
    skips()

EXPECTED = {"conditions": {"run": "success", "states": {"skips": "skipped"}, "xcoms": {"runs": 1}}}
