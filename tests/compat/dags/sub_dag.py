"""SubDagOperator is refused, with the replacement."""
from airflow import DAG
from airflow.operators.subdag_operator import SubDagOperator

REFUSED = "SubDagOperator.*TaskGroup"
