"""All trigger rules below one success, one failure and one skip."""
from airflow import DAG
from airflow.exceptions import AirflowSkipException
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.trigger_rule import TriggerRule


def fail():
    raise ValueError


def skip():
    raise AirflowSkipException


with DAG("rules", schedule=None):
    good = EmptyOperator(task_id="good")
    bad = PythonOperator(task_id="bad", python_callable=fail)
    left_out = PythonOperator(task_id="left_out", python_callable=skip)
    for rule in TriggerRule:
        if rule != TriggerRule.ALL_DONE_SETUP_SUCCESS:
            [good, bad, left_out] >> EmptyOperator(task_id=rule.value, trigger_rule=rule)

EXPECTED = {
    "rules": {
        "run": "failed",
        "states": {
            "bad": "failed",
            "left_out": "skipped",
            "all_success": "upstream_failed",
            "all_failed": "skipped",
            "none_failed": "upstream_failed",
            "none_skipped": "skipped",
            "none_failed_min_one_success": "upstream_failed",
            "all_skipped": "skipped",
            "all_done_min_one_success": "skipped",
        },
    }
}
