"""user_defined_macros and _filters, jinja_environment_kwargs, native rendering."""
import jinja2

from airflow import DAG
from airflow.operators.python import PythonOperator


def same(value):
    return value


with DAG(
    "macros",
    schedule=None,
    user_defined_macros={"answer": 42, "shout": lambda s: s.upper()},
    user_defined_filters={"double": lambda x: 2 * x},
):
    PythonOperator(
        task_id="a", python_callable=same, op_args=["{{ answer }} {{ shout('hi') }} {{ 4 | double }}"]
    )

with DAG("native", schedule=None, render_template_as_native_obj=True):
    PythonOperator(task_id="a", python_callable=same, op_args=["{{ [1, 2, {'a': 3}] }}"])

with DAG("forgiving", schedule=None, template_undefined=jinja2.Undefined):
    PythonOperator(task_id="a", python_callable=same, op_args=["<{{ nothing }}>"])

with DAG("strict", schedule=None):
    PythonOperator(task_id="a", python_callable=same, op_args=["<{{ nothing }}>"])

EXPECTED = {
    "macros": {"run": "success", "xcoms": {"a": "42 HI 8"}},
    "native": {"run": "success", "xcoms": {"a": [1, 2, {"a": 3}]}},
    "forgiving": {"run": "success", "xcoms": {"a": "<>"}},
    "strict": {"run": "failed", "states": {"a": "failed"}},
}
