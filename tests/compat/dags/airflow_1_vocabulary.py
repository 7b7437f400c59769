"""A file as it was written for Airflow 1.10."""
from datetime import timedelta

import airflow
from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator
from airflow.utils.trigger_rule import TriggerRule

args = {
    "owner": "airflow",
    "start_date": airflow.utils.dates.days_ago(2),
    "retries": 1,
    "retry_delay": timedelta(minutes=5),
}

dag = DAG(
    dag_id="one_ten",
    default_args=args,
    schedule_interval="0 0 * * *",
    dagrun_timeout=timedelta(minutes=60),
    concurrency=4,
    default_view="tree",
    orientation="LR",
)


def show(ds, **kwargs):
    kwargs["ti"].xcom_push(key="day", value=kwargs["execution_date"].isoformat())
    return kwargs["next_ds"] >= ds


first = DummyOperator(task_id="first", dag=dag)
show_it = PythonOperator(
    task_id="show", provide_context=True, python_callable=show, dag=dag, task_concurrency=1
)
last = BashOperator(
    task_id="last",
    bash_command="echo {{ ti.xcom_pull(task_ids='show', key='day') }} {{ yesterday_ds }}",
    xcom_push=True,
    trigger_rule=TriggerRule.DUMMY,
    dag=dag,
)
first.set_downstream(show_it)
last.set_upstream([show_it])

NOTES = [
    "airflow.operators.bash_operator",
    "airflow.operators.dummy_operator",
    "schedule_interval is the old name",
    "provide_context has no effect",
    "concurrency is the old name of max_active_tasks",
    "default_view has no effect",
]
EXPECTED = {
    "one_ten": {
        "dag": {
            "schedule": {"type": "cron_interval", "expression": "0 0 * * *"},
            "max_active_tasks": 4,
            "dagrun_timeout_s": 3600.0,
            "always_dated": True,
            "catchup": False,
        },
        "tasks": {
            "first": {"operator": "EmptyOperator", "no_op": True},
            "show": {"max_active_tis_per_dag": 1, "upstream": ["first"]},
            "last": {"trigger_rule": "always", "upstream": ["show"], "do_xcom_push": True},
        },
        "at": "2026-03-01",
        "run": "success",
        "xcoms": {"show": True, "last": "2026-03-01T00:00:00+00:00 2026-02-28"},
    }
}
