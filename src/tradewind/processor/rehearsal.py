"""Import a DAG file in the fork server that is like most, before any child is forked.

A child is a fresh fork: what it is the first to import, or to have CPython rewrite for speed, it
pays for by itself, each time on memory that must be copied for it. So the fork server does it a
few times, and nothing of that is left but the speed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tradewind.model.spec import encode_spec
from tradewind.sdk.build import to_spec
from tradewind.sdk.loading import MODULE_PREFIX, load_dag_file

_TIMES = 10
"""CPython rewrites a function's code for speed when it has been called eight times."""
_FILE = """
from datetime import datetime

import pendulum

from tradewind.sdk import DAG, BashOperator, chain, dag, task

with DAG("rehearsal", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False) as one:
    @task
    def first() -> int:
        return 1

    @task(retries=1)
    def then(x: int) -> int:
        return x

    then(first()) >> BashOperator(task_id="shell", bash_command="true")

@dag(schedule="0 5 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), tags=["one"])
def other():
    @task
    def step() -> None:
        pass

    chain(*[step.override(task_id=f"t{i}")() for i in range(3)])

other()
"""
"""Names and calls that most DAG files have in common."""


def rehearse() -> None:
    """Import the file again and again, in this process."""
    path, modules = list(sys.path), set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rehearsal.py")
        file.write_text(_FILE, encoding="utf-8")
        for _ in range(_TIMES):
            for dag in load_dag_file(str(file), folder).dags.values():
                encode_spec(to_spec(dag))
        sys.path_importer_cache.pop(folder, None)
    sys.path[:] = path
    for name in sys.modules.keys() - modules:
        if name.startswith(MODULE_PREFIX):
            del sys.modules[name]
