"""Trigger rules under their names of Airflow 2."""
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.utils.trigger_rule import TriggerRule

with DAG("old_rules", schedule=None):
    a = EmptyOperator(task_id="a")
    a >> EmptyOperator(task_id="b", trigger_rule="none_failed_or_skipped")
    a >> EmptyOperator(task_id="c", trigger_rule=TriggerRule.NONE_FAILED_OR_SKIPPED)
    a >> EmptyOperator(task_id="d", trigger_rule="dummy")

EXPECTED = {
    "old_rules": {
        "tasks": {
            "b": {"trigger_rule": "none_failed_min_one_success"},
            "c": {"trigger_rule": "none_failed_min_one_success"},
            "d": {"trigger_rule": "always"},
        },
        "run": "success",
    }
}
