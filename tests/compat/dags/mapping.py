"""Dynamic task mapping: expand, partial, expand_kwargs, map, zip, concat, groups, none at all."""
from airflow.decorators import task, task_group
from airflow.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator

with DAG("mapping", schedule=None):

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def nothing():
        return []

    @task
    def add(x, y=0):
        return x + y

    @task
    def total(values):
        return sum(values)

    @task
    def pairs():
        return [{"x": 1, "y": 2}, {"x": 3, "y": 4}]

    found = numbers()
    added = add.partial(y=10).expand(x=found)
    total(added)
    total.override(task_id="mapped")(add.override(task_id="plus").expand(x=found.map(lambda x: 2 * x)))
    add.override(task_id="product").expand(x=[1, 2], y=[10, 20])
    add.override(task_id="kwargs").expand_kwargs(pairs())
    add.override(task_id="none").expand(x=nothing())
    total.override(task_id="zipped").expand(values=found.zip(found))
    total.override(task_id="joined").expand(values=found.concat(found).map(lambda x: [x, x]))
    BashOperator.partial(task_id="bash", map_index_template="n {{ task.bash_command }}").expand(
        bash_command=["echo a", "echo b"]
    )
    PythonOperator.partial(task_id="args", python_callable=lambda a, b: a * b).expand(
        op_args=[[2, 3], [4, 5]]
    )

    @task_group
    def group(n):
        return total.override(task_id="pair")([n, add.override(task_id="inner")(n, 1)])

    total.override(task_id="groups")(group.expand(n=[1, 2]))

EXPECTED = {
    "mapping": {
        "tasks": {"total": {"upstream": ["add"]}},
        "run": "success",
        "states": {"none": "skipped"},
        "xcoms": {
            "add[2]": 13,
            "total": 36,
            "mapped": 12,
            "product[3]": 22,
            "kwargs[1]": 7,
            "zipped[2]": 6,
            "joined[3]": 2,
            "bash[1]": "b",
            "args[1]": 20,
            "group.pair[1]": 5,
            "groups": 8,
        },
    }
}
