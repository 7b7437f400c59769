"""Setups and teardowns: methods, decorators, as a context; a failed task is still torn down."""
from airflow.decorators import setup, task, teardown
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

with DAG("setups", schedule=None):
    create = BashOperator(task_id="create", bash_command="true").as_setup()
    use = BashOperator(task_id="use", bash_command="false")
    delete = BashOperator(task_id="delete", bash_command="true").as_teardown(setups=create)
    create >> use >> delete

with DAG("decorated", schedule=None):

    @setup
    def make():
        return "made"

    @task
    def work():
        return 1

    @teardown(on_failure_fail_dagrun=True)
    def clean(name):
        return f"cleaned {name}"

    made = make()
    with clean(made):
        work()

EXPECTED = {
    "setups": {
        "tasks": {
            "create": {"is_setup": True},
            "delete": {"is_teardown": True, "upstream": ["create", "use"]},
        },
        "run": "failed",
        "states": {"use": "failed"},
    },
    "decorated": {
        "tasks": {"work": {"upstream": ["make"]}, "clean": {"on_failure_fail_dagrun": True}},
        "run": "success",
        "xcoms": {"clean": "cleaned made"},
    },
}
