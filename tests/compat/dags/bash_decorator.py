"""@task.bash: what it returns is run; a skip; the environment."""
from airflow.exceptions import AirflowSkipException
from airflow.sdk import DAG, task

with DAG("bash_decorator", schedule=None):

    @task.bash(env={"WHO": "{{ dag.dag_id }}"})
    def tell(n):
        return f"echo $WHO {n} {{{{ ds }}}}"

    @task.bash
    def skips():
        raise AirflowSkipException

    @task.bash
    def by_code():
        return "exit 99"

    tell(3)
    skips()
    by_code()

EXPECTED = {
    "bash_decorator": {
        "at": "2026-03-01",
        "run": "success",
        "states": {"skips": "skipped", "by_code": "skipped"},
        "xcoms": {"tell": "bash_decorator 3 2026-03-01"},
    }
}
