"""PythonOperator: op_args, op_kwargs, templates_dict, context by name."""
from airflow import DAG
from airflow.operators.python import PythonOperator


def add(a, b, *, c, ds):
    return [a, b, c, ds]


def templated(templates_dict, **context):
    return templates_dict["day"] + context["task"].task_id


with DAG("python", schedule=None):
    PythonOperator(
        task_id="add", python_callable=add, op_args=[1, "{{ ds }}"], op_kwargs={"c": "{{ 2 + 2 }}"}
    )
    PythonOperator(
        task_id="templated", python_callable=templated, templates_dict={"day": "{{ ds_nodash }}"}
    )
    PythonOperator(task_id="silent", python_callable=lambda: 5, do_xcom_push=False)

EXPECTED = {
    "python": {
        "at": "2026-03-01",
        "run": "success",
        "xcoms": {
            "add": [1, "2026-03-01", "4", "2026-03-01"],
            "templated": "20260301templated",
            "silent": None,
        },
    }
}
