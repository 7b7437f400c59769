"""A clean-up DAG that reads Airflow's database is refused."""
from airflow import DAG, settings
from airflow.models import DagRun
from airflow.operators.python import PythonOperator
from airflow.utils.session import provide_session


@provide_session
def clean(session=None):
    session.query(DagRun).delete()


REFUSED = r"provide_session.*tradewind db clean"
