"""A module that Airflow never had is refused, with the nearest."""
from airflow import DAG
from airflow.operators.pyhton import PythonOperator

REFUSED = r"'airflow.operators' has no 'pyhton'; did you mean 'python'"
