"""Hooks of the standard provider, and LoggingMixin."""
from airflow import DAG
from airflow.hooks.filesystem import FSHook
from airflow.hooks.subprocess import SubprocessHook
from airflow.operators.python import PythonOperator
from airflow.utils.log.logging_mixin import LoggingMixin


class Shows(LoggingMixin):
    def show(self):
        self.log.info("shown")
        return self.log.name.endswith("Shows")


def run():
    result = SubprocessHook().run_command(["bash", "-c", "echo hi; exit 3"])
    return [result.exit_code, result.output, Shows().show(), callable(FSHook)]


with DAG("hooks", schedule=None):
    PythonOperator(task_id="run", python_callable=run)

EXPECTED = {"hooks": {"run": "success", "xcoms": {"run": [3, "hi", True, True]}}}
