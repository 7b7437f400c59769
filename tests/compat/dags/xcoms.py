"""xcom_push and xcom_pull in all their forms; values that are no plain JSON."""
import datetime
from decimal import Decimal

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def push(ti):
    ti.xcom_push(key="k", value={"a": [1, 2]})
    ti.xcom_push("day", datetime.date(2026, 3, 1))
    return "returned"


def pull(ti):
    return [
        ti.xcom_pull(task_ids="push"),
        ti.xcom_pull(task_ids="push", key="k"),
        ti.xcom_pull(task_ids=["push", "nobody"]),
        ti.xcom_pull(key="k", task_ids="push")["a"][1],
        ti.xcom_pull(task_ids="nobody", default=5),
        str(ti.xcom_pull("push", key="day")),
    ]


def typed():
    return {
        "set": {1, 2},
        "time": datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc),
        "decimal": Decimal("1.5"),
        "tuple": (1, "a"),
        "delta": datetime.timedelta(minutes=1),
    }


def kinds(ti):
    found = ti.xcom_pull("typed")
    return [type(found[name]).__name__ for name in ("set", "decimal", "tuple", "delta")]


with DAG("xcoms", schedule=None):
    p = PythonOperator(task_id="push", python_callable=push)
    p >> PythonOperator(task_id="pull", python_callable=pull)
    p >> BashOperator(task_id="bash", bash_command="echo {{ ti.xcom_pull('push', key='k')['a'] }}")
    p >> BashOperator(task_id="output", bash_command=f"echo {p.output}")
    p >> BashOperator(task_id="item", bash_command="echo " + str(p.output["k"]), do_xcom_push=False)
    t = PythonOperator(task_id="typed", python_callable=typed)
    t >> PythonOperator(task_id="kinds", python_callable=kinds)

EXPECTED = {
    "xcoms": {
        "tasks": {"output": {"upstream": ["push"]}, "item": {"do_xcom_push": False}},
        "run": "success",
        "xcoms": {
            "pull": ["returned", {"a": [1, 2]}, ["returned", None], 2, None, "2026-03-01"],
            "bash": "[1, 2]",
            "output": "returned",
            "item": None,
            "kinds": ["set", "Decimal", "tuple", "timedelta"],
        },
    }
}
