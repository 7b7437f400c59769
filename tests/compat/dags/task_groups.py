"""Task groups: nested, without prefix, decorated, called in a loop, as ends of an edge."""
from airflow import DAG
from airflow.decorators import task, task_group
from airflow.operators.empty import EmptyOperator
from airflow.utils.task_group import TaskGroup

with DAG("groups", schedule=None):
    start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end")
    with TaskGroup("outer", tooltip="outside", default_args={"retries": 7}) as outer:
        a = EmptyOperator(task_id="a")
        with TaskGroup(group_id="inner") as inner:
            b = EmptyOperator(task_id="b")
        a >> inner
    with TaskGroup("flat", prefix_group_id=False) as flat:
        EmptyOperator(task_id="c")
    start >> outer >> flat >> end

    @task
    def double(x):
        return 2 * x

    @task_group
    def twice(x):
        return double(double(x))

    for i in range(2):
        start >> twice(i)

EXPECTED = {
    "groups": {
        "tasks": {
            "outer.a": {"retries": 7, "upstream": ["start"]},
            "outer.inner.b": {"retries": 7, "upstream": ["outer.a"]},
            "c": {"group_id": "flat", "upstream": ["outer.inner.b"]},
            "end": {"upstream": ["c"]},
            "twice__1.double__1": {"upstream": ["start", "twice__1.double"]},
        },
        "run": "success",
        "xcoms": {"twice__1.double__1": 4},
    }
}
