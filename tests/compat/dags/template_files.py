"""A template that is the name of a file beside the DAG, and one found by template_searchpath."""
import os

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def query(templates_dict):
    return templates_dict["query"]


with DAG(
    "template_files",
    schedule=None,
    template_searchpath=[os.path.join(os.path.dirname(__file__), "files")],
):
    BashOperator(task_id="script", bash_command="files/script.sh")
    BashOperator(task_id="not_a_file", bash_command="files/script.sh ", skip_on_exit_code=[126, 127])
    PythonOperator(
        task_id="query",
        python_callable=query,
        templates_dict={"query": "query.sql"},
        templates_exts=[".sql"],
    )

EXPECTED = {
    "template_files": {
        "at": "2026-03-01",
        "run": "success",
        "states": {"not_a_file": "skipped"},
        "xcoms": {"script": "today is 2026-03-01", "query": "SELECT '2026-03-01'"},
    }
}
