"""airflow.configuration, settings and the environment of a task."""
import os

from airflow import DAG, settings
from airflow.configuration import conf
from airflow.operators.python import PythonOperator


def read():
    return [
        conf.get("acme", "url", fallback="none"),
        conf.getboolean("core", "load_examples"),
        conf.getint("core", "parallelism"),
        os.environ["AIRFLOW_CTX_DAG_ID"],
        os.path.isabs(settings.AIRFLOW_HOME),
    ]


with DAG("configuration", schedule=None):
    PythonOperator(task_id="read", python_callable=read)

EXPECTED = {
    "configuration": {
        "run": "success",
        "xcoms": {"read": ["none", False, 32, "configuration", True]},
    }
}
