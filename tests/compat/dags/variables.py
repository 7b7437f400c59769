"""Variable.get at the top and in tasks, JSON, defaults in both spellings, in templates."""
from airflow.models import Variable
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

TOP = Variable.get("city")
OLD = Variable.get("nothing", default_var="old")
NEW = Variable.get("nothing", default="new")


def read():
    return [TOP, OLD, NEW, Variable.get("settings", deserialize_json=True)["n"]]


def missing():
    try:
        Variable.get("nothing")
    except KeyError as error:
        return type(error).__name__


with DAG("variables", schedule=None):
    PythonOperator(task_id="read", python_callable=read)
    PythonOperator(task_id="missing", python_callable=missing)
    BashOperator(
        task_id="template",
        bash_command="echo {{ var.value.city }} {{ var.json.settings.n }}"
        " {{ var.value.get('nothing', 'none') }}",
    )

EXPECTED = {
    "variables": {
        "run": "success",
        "xcoms": {
            "read": ["Delft", "old", "new", 3],
            "missing": "VariableNotFound",
            "template": "Delft 3 none",
        },
    }
}
