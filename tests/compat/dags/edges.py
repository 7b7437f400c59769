"""chain, cross_downstream, chain_linear, labels, set_upstream, lists, repeated edges."""
from airflow import DAG
from airflow.models.baseoperator import chain, chain_linear, cross_downstream
from airflow.operators.empty import EmptyOperator
from airflow.utils.edgemodifier import Label

with DAG("edges", schedule=None):
    a, b, c, d, e, f, g, h = (EmptyOperator(task_id=name) for name in "abcdefgh")
    chain(a, [b, c], [d, e])
    chain_linear([d, e], f)
    cross_downstream([f], [g, h])
    a >> Label("first") >> b
    h.set_upstream(a)
    a.set_downstream(h)

EXPECTED = {
    "edges": {
        "tasks": {
            "d": {"upstream": ["b"]},
            "e": {"upstream": ["c"]},
            "f": {"upstream": ["d", "e"]},
            "h": {"upstream": ["a", "f"]},
        },
        "run": "success",
    }
}
