"""No context manager: dag= everywhere, tasks attached later, a DAG that nothing is bound to."""
import datetime

from airflow import models
from airflow.operators import bash, empty

dag = models.DAG("classic", schedule="0 0 * * *", start_date=datetime.datetime(2024, 1, 1), catchup=False)
a = bash.BashOperator(task_id="a", bash_command="echo a", dag=dag)
b = empty.EmptyOperator(task_id="b")
a >> b

dag.doc_md = __doc__
a.doc_md = "about a"

EXPECTED = {
    "classic": {
        "dag": {
            "doc_md": "No context manager: dag= everywhere, tasks attached later, a DAG that nothing is bound to."
        },
        "tasks": {"b": {"upstream": ["a"]}, "a": {"doc_md": "about a"}},
        "run": "success",
    }
}
