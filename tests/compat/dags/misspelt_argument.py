"""An argument that no Airflow ever had is refused, with the nearest."""
from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG("misspelt", schedule=None):
    BashOperator(task_id="a", bash_command="true", retrys=3)

REFUSED = r"task 'a': unknown argument 'retrys'; did you mean 'retries'"
