"""The context: get_current_context in all its places, attributes of ti and dag_run."""
from airflow import DAG
from airflow.decorators import task
from airflow.operators.python import get_current_context

with DAG("context", schedule=None, params={"p": 1}):

    @task
    def names():
        context = get_current_context()
        ti, run = context["ti"], context["dag_run"]
        return {
            "same": ti is context["task_instance"],
            "ids": [ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number, ti.max_tries],
            "run": [run.dag_id, run.run_type == "manual", run.conf, str(run.logical_date.date())],
            "state": str(ti.state),
            "dag": [context["dag"].dag_id, context["task"].owner],
            "var": context["var"]["value"].city,
            "params": dict(context["params"]),
            "dates": [context["ds"], context["ts_nodash"]],
            "missing": context.get("nothing", "none"),
            "in": "ds" in context and "nothing" not in context,
        }

    @task
    def injected(ti=None, dag_run=None, ds=None, params=None, x=3, **kwargs):
        return [ti.task_id, dag_run.run_id, ds, params["p"], x, "logical_date" in kwargs]

    names()
    injected()

EXPECTED = {
    "context": {
        "at": "2026-03-01",
        "conf": {"k": "v"},
        "run": "success",
        "xcoms": {
            "names": {
                "same": True,
                "ids": ["context", "names", "manual__2026-03-01T00:00:00+00:00", -1, 1, 0],
                "run": ["context", True, {"k": "v"}, "2026-03-01"],
                "state": "running",
                "dag": ["context", "airflow"],
                "var": "Delft",
                "params": {"p": 1, "k": "v"},
                "dates": ["2026-03-01", "20260301T000000"],
                "missing": "none",
                "in": True,
            },
            "injected": ["injected", "manual__2026-03-01T00:00:00+00:00", "2026-03-01", 1, 3, True],
        },
    }
}
