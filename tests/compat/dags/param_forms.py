"""Params in the forms of JSON schema."""
from airflow import DAG
from airflow.models.param import Param, ParamsDict
from airflow.operators.python import PythonOperator

with DAG(
    "param_forms",
    schedule=None,
    params={
        "text": Param("a", type="string", minLength=1, maxLength=9, title="T", description="d"),
        "choice": Param("b", enum=["a", "b"], section="More"),
        "maybe": Param(None, type=["null", "integer"], minimum=0),
        "day": Param("2026-03-01", type="string", format="date"),
        "many": Param([1, 2], type="array", items={"type": "integer"}),
        "object": Param({"k": 1}, type=["object", "null"]),
        "flag": Param(True, type="boolean"),
        "fixed": Param("c", const="c"),
        "plain": 5,
    },
    doc_md="# Params",
):
    PythonOperator(task_id="show", python_callable=lambda params: dict(params), params={"own": "t"})

EXPECTED = {
    "param_forms": {
        "dag": {"doc_md": "# Params"},
        "conf": {"choice": "a", "maybe": 3},
        "run": "success",
        "xcoms": {
            "show": {
                "text": "a",
                "choice": "a",
                "maybe": 3,
                "day": "2026-03-01",
                "many": [1, 2],
                "object": {"k": 1},
                "flag": True,
                "fixed": "c",
                "plain": 5,
                "own": "t",
            }
        },
    }
}
