"""BranchPythonOperator, @task.branch, BaseBranchOperator; joins; a branch into a group."""
from airflow import DAG
from airflow.decorators import task
from airflow.operators.branch import BaseBranchOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator
from airflow.utils.edgemodifier import Label
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule


class Weekend(BaseBranchOperator):
    def choose_branch(self, context):
        return ["rest", "group.inside"] if context["logical_date"].day_of_week in (5, 6) else "work"


with DAG("branching", schedule=None):
    first = BranchPythonOperator(task_id="first", python_callable=lambda: "left")
    left, right = EmptyOperator(task_id="left"), EmptyOperator(task_id="right")
    join = EmptyOperator(task_id="join", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    lost = EmptyOperator(task_id="lost")
    first >> Label("go") >> left >> [join, lost]
    first >> right >> [join, lost]

    @task.branch()
    def second(**context):
        return None

    second() >> EmptyOperator(task_id="never")

    weekend = Weekend(task_id="weekend")
    with TaskGroup("group") as group:
        EmptyOperator(task_id="inside")
    weekend >> [EmptyOperator(task_id="rest"), EmptyOperator(task_id="work"), group]

EXPECTED = {
    "branching": {
        "at": "2026-03-01",
        "run": "success",
        "states": {
            "right": "skipped",
            "lost": "skipped",
            "never": "skipped",
            "work": "skipped",
        },
    }
}
