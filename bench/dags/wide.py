"""One root, then 200 tasks at once: written out, and by expand().

The bodies are empty. The witness DAG runs the same shape with one line in each body, which
shows that every task is a process of its own.
"""

import os

from tradewind.sdk import dag, task

WIDTH = 200


def options(dag_id: str) -> dict[str, object]:
    return {
        "dag_id": dag_id,
        "schedule": None,
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_tasks": 64,
    }


@dag(**options("wide"))
def wide() -> None:
    @task
    def root() -> None:
        pass

    @task
    def leaf() -> None:
        pass

    root() >> [leaf.override(task_id=f"leaf{i:03d}")() for i in range(WIDTH)]


@dag(**options("expand"))
def expand() -> None:
    @task
    def root() -> list[int]:
        return list(range(WIDTH))

    @task
    def leaf(x: int) -> None:
        pass

    leaf.expand(x=root())


@dag(**options("wide_witness"))
def wide_witness() -> None:
    @task
    def root() -> None:
        pass

    @task
    def leaf() -> None:
        witness = os.open(os.environ["BENCH_WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(witness, f"{os.getpid()}\n".encode())

    root() >> [leaf.override(task_id=f"leaf{i:03d}")() for i in range(WIDTH)]


wide()
expand()
wide_witness()
