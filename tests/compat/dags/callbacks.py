"""Callbacks of tasks and DAGs, functions, lists and notifiers."""
from airflow import DAG
from airflow.notifications.basenotifier import BaseNotifier
from airflow.operators.python import PythonOperator

told = []


def tell(what):
    return lambda context: told.append((what, context["ti"].task_id))


class Notify(BaseNotifier):
    template_fields = ("message",)

    def __init__(self, message):
        self.message = message

    def notify(self, context):
        told.append(("notified", self.message))


def fail():
    raise ValueError("no")


with DAG("callbacks", schedule=None, default_args={"on_execute_callback": tell("execute")}):
    good = PythonOperator(task_id="good", python_callable=lambda: 1, on_success_callback=tell("ok"))
    bad = PythonOperator(
        task_id="bad",
        python_callable=fail,
        retries=1,
        on_retry_callback=[tell("retry")],
        on_failure_callback=[tell("failed"), Notify("{{ ti.task_id }} of {{ dag.dag_id }}")],
    )
    show = PythonOperator(
        task_id="show", python_callable=lambda: [list(x) for x in told], trigger_rule="all_done"
    )
    good >> bad >> show

EXPECTED = {
    "callbacks": {
        "tasks": {"bad": {"callbacks": ["execute", "failure", "retry"]}},
        "run": "success",
        "states": {"bad": "failed"},
        "xcoms": {
            "show": [
                ["execute", "good"],
                ["ok", "good"],
                ["execute", "bad"],
                ["retry", "bad"],
                ["execute", "bad"],
                ["failed", "bad"],
                ["notified", "bad of callbacks"],
                ["execute", "show"],
            ]
        },
    }
}
