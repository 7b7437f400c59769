"""literal, and a value that only looks like a template."""
from airflow.sdk import DAG, literal
from airflow.providers.standard.operators.python import PythonOperator

with DAG("literals", schedule=None):
    PythonOperator(
        task_id="a", python_callable=lambda x, y: [x, y], op_args=[literal("{{ ds }}"), "{{ 1 }}"]
    )

EXPECTED = {"literals": {"run": "success", "xcoms": {"a": ["{{ ds }}", "1"]}}}
