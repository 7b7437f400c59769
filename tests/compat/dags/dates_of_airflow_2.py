"""The dates that the context of Airflow 2 had."""
from airflow import DAG
from airflow.operators.python import PythonOperator


def same(value):
    return value


with DAG("old_dates", schedule_interval="0 6 * * *"):
    PythonOperator(
        task_id="template",
        python_callable=same,
        op_args=[
            "{{ execution_date }} {{ prev_ds }} {{ next_ds_nodash }} {{ tomorrow_ds }}"
            " {{ yesterday_ds_nodash }} {{ (execution_date - macros.timedelta(days=1)) | ds }}"
        ],
    )
    PythonOperator(task_id="named", python_callable=lambda execution_date: str(execution_date))
    PythonOperator(task_id="conf", python_callable=same, op_args=["{{ conf.get('core', 'parallelism') }}"])
    PythonOperator(task_id="all", python_callable=lambda **context: context["next_ds"])

NOTES = ["schedule_interval"]
EXPECTED = {
    "old_dates": {
        "at": None,
        "run": "success",
        "xcoms": {
            "template": "2026-01-01 00:00:00+00:00 2026-01-01 20260101 2026-01-02 20251231 2025-12-31",
            "named": "2026-01-01 00:00:00+00:00",
            "conf": "32",
            "all": "2026-01-01",
        },
    }
}
