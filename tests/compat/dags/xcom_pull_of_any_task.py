"""xcom_pull without task_ids, in a file for Airflow 2: of whichever task pushed last."""
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

with DAG("any_task", schedule_interval=None):
    a = PythonOperator(task_id="a", python_callable=lambda ti: ti.xcom_push("k", "from a"))
    b = BashOperator(task_id="b", bash_command="echo {{ ti.xcom_pull(key='k') }}")
    c = PythonOperator(task_id="c", python_callable=lambda ti: ti.xcom_pull(key="none", default=1))
    d = PythonOperator(
        task_id="d", python_callable=lambda ti: [ti.xcom_pull("a", key=None), ti.xcom_pull(["a", "c"], key=None)]
    )
    a >> b >> c >> d

NOTES = ["schedule_interval"]
EXPECTED = {"any_task": {"run": "success", "xcoms": {"b": "from a", "c": 1, "d": ["from a", ["from a", 1]]}}}
