"""Outputs as arguments: items, .output of classic operators, in dicts and lists."""
from airflow.sdk import DAG, XComArg, task
from airflow.providers.standard.operators.python import PythonOperator

with DAG("outputs", schedule=None):
    a = PythonOperator(task_id="a", python_callable=lambda: {"x": 1, "y": [2, 3]}, multiple_outputs=True)

    @task
    def b(x, nested, whole):
        return [x, nested, whole]

    b(a.output["x"], {"k": [a.output["y"]]}, XComArg(a))

EXPECTED = {
    "outputs": {
        "tasks": {"b": {"upstream": ["a"]}},
        "run": "success",
        "xcoms": {"b": [1, {"k": [[2, 3]]}, {"x": 1, "y": [2, 3]}]},
    }
}
