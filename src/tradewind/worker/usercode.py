"""The `Userland` that runs real DAG files, through the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from tradewind.compat import airflow
from tradewind.model.ids import UNMAPPED, AttemptId
from tradewind.sdk import DAG, EmptyOperator, defaults, execution, plugins, scope, serde, task
from tradewind.sdk.execution import Execution, run_callback
from tradewind.sdk.loading import load_dag_file
from tradewind.wire.messages import Assignment, MapLevel, RunInfo
from tradewind.worker.userland import Rehearsal

__all__ = ["execute", "load", "run_callback", "warm_up"]

_NOWHERE = "/dev/null"
"""A folder that has no modules: the SDK trusts classes of the folder that a task runs from."""


def load(path: str, folder: str) -> Mapping[str, Any]:
    """Import a DAG file and return its DAGs by id."""
    defaults.install_from(os.environ)
    airflow.install()
    dags = load_dag_file(path, folder).dags
    serde.trust_folder(folder)  # here once, not in each attempt
    return dags


def execute(dag: Any, assignment: Assignment) -> Execution:
    """Run a task in a process that was forked for it."""
    return execution.execute(dag, assignment, own_process=True)


def warm_up() -> Sequence[Rehearsal]:
    """Return tasks that do nothing, to be run before any other: a plain and a mapped one."""
    plugins.declared()  # a look at all packages
    with DAG("warm_up") as dag:

        @task
        def plain() -> None:
            """Do nothing."""

        @task
        def mapped(x: object) -> None:
            """Do nothing with something."""

        plain()
        mapped.expand(x=EmptyOperator(task_id="source").output)
    scope.take_registered()
    dag.fileloc = f"{_NOWHERE}/warm_up.py"
    now = datetime(2000, 1, 1, tzinfo=UTC)
    one = Assignment(
        attempt_id=AttemptId("warm_up"),
        fence=0,
        try_number=1,
        max_tries=0,
        dag_file="warm_up.py",
        source_hash="",
        task_id="plain",
        run=RunInfo(dag_id="warm_up", run_id="warm_up", run_type="manual", run_after=now),
    )
    level = MapLevel(group_id=None, lengths={"x": 1}, index=0)
    another = replace(one, task_id="mapped", map_index=0, map_levels=(level,))
    xcom = {"task_id": "source", "map_index": UNMAPPED, "value": b"[1]"}
    return Rehearsal(dag, one), Rehearsal(dag, another, ({"items": [xcom]},))
