"""Imports that depend on the version."""
try:
    from airflow.operators.subdag import SubDagOperator
except ImportError:
    SubDagOperator = None

from airflow import __version__ as version

if version.startswith("1"):
    from airflow.operators.python_operator import PythonOperator
elif version.startswith("2"):
    raise RuntimeError
else:
    from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

with DAG("guarded", schedule=None):
    PythonOperator(task_id="a", python_callable=lambda: SubDagOperator is None)

EXPECTED = {"guarded": {"run": "success", "xcoms": {"a": True}}}
