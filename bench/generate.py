"""Write DAG files by the dozen.

python bench/generate.py FOLDER --prefix parse --files 500 --tasks 5
"""

from __future__ import annotations

import argparse
from pathlib import Path

FILE = '''"""A chain of {tasks} tasks that do nothing{each}."""

from tradewind.sdk import chain, dag, task


def chain_of(dag_id: str) -> None:
    @dag(dag_id=dag_id, schedule={schedule!r}, catchup=False, is_paused_upon_creation=False)
    def build() -> None:
        @task
        def step() -> None:
            pass

        chain(*[step.override(task_id=f"t{{i}}")() for i in range({tasks})])

    build()


for name in {dag_ids!r}:
    chain_of(name)
'''


def write(
    folder: Path,
    prefix: str,
    files: int,
    *,
    tasks: int,
    dags_each: int = 1,
    schedule: str | None = None,
) -> list[str]:
    """Write DAG files and return the ids of their DAGs."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for number in range(files):
        mine = [f"{prefix}_{number:04d}"]
        if dags_each > 1:
            mine = [f"{prefix}_{number:04d}_{i:02d}" for i in range(dags_each)]
        text = FILE.format(
            tasks=tasks,
            each="" if dags_each == 1 else f", {dags_each} times",
            schedule=schedule,
            dag_ids=tuple(mine),
        )
        (folder / f"{prefix}_{number:04d}.py").write_text(text)
        names += mine
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description="Write DAG files by the dozen.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prefix", default="parse")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--dags-each", type=int, default=1)
    given = parser.parse_args()
    names = write(
        given.folder, given.prefix, given.files, tasks=given.tasks, dags_each=given.dags_each
    )
    print(f"{len(names)} DAGs in {given.folder}")


if __name__ == "__main__":
    main()
