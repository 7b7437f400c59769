"""@dag and @task: arguments, outputs, multiple_outputs, override, classic operators between."""
from typing import Dict

from airflow.decorators import dag, task
from airflow.operators.bash import BashOperator
from airflow.utils.dates import days_ago


@dag(schedule=None, start_date=days_ago(1), catchup=False, tags=["example"])
def taskflow():
    """The docstring is the documentation."""

    @task
    def extract() -> Dict[str, int]:
        return {"a": 1, "b": 2}

    @task(multiple_outputs=True)
    def transform(data: dict):
        return {"total": sum(data.values()), "count": len(data)}

    @task()
    def load(total, count=0, *, ds=None, **context):
        return [total, count, ds, context["ti"].task_id]

    data = extract()
    summary = transform(data)
    loaded = load(summary["total"], count=summary["count"])
    load.override(task_id="again", retries=4)(data["a"])
    load(5)
    tell = BashOperator(task_id="tell", bash_command="echo {{ params.x }} " + f"{loaded}", params={"x": 1})
    loaded >> tell


taskflow()

NOTES = ["airflow.utils.dates"]
EXPECTED = {
    "taskflow": {
        "dag": {"doc_md": "The docstring is the documentation.", "tags": ["example"]},
        "tasks": {
            "transform": {"upstream": ["extract"]},
            "load": {"upstream": ["transform"]},
            "again": {"upstream": ["extract"], "retries": 4},
            "load__1": {"upstream": []},
            "tell": {"upstream": ["load"]},
        },
        "at": "2026-03-01",
        "run": "success",
        "xcoms": {
            "extract:a": 1,
            "transform:total": 3,
            "load": [3, 2, "2026-03-01", "load"],
            "again": [1, 0, "2026-03-01", "again"],
            "load__1": [5, 0, "2026-03-01", "load__1"],
            "tell": "1 [3, 2, 2026-03-01, load]",
        },
    }
}
