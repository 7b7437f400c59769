"""The `Userland` that runs real DAG files, through the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tradewind.compat import airflow
from tradewind.model.ids import AttemptId
from tradewind.sdk import DAG, defaults, execution, plugins, scope, serde, task
from tradewind.sdk.execution import Execution, run_callback
from tradewind.sdk.loading import load_dag_file
from tradewind.wire.messages import Assignment, RunInfo

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


def warm_up() -> tuple[DAG, Assignment]:
    """Return a task that does nothing, to be run before any other."""
    plugins.declared()  # a look at all packages
    with DAG("warm_up") as dag:

        @task(task_id="nothing")
        def nothing() -> None:
            """Do nothing."""

        nothing()
    scope.take_registered()
    dag.fileloc = f"{_NOWHERE}/warm_up.py"
    now = datetime(2000, 1, 1, tzinfo=UTC)
    assignment = Assignment(
        attempt_id=AttemptId("warm_up"),
        fence=0,
        try_number=1,
        max_tries=0,
        dag_file="warm_up.py",
        source_hash="",
        task_id="nothing",
        run=RunInfo(dag_id="warm_up", run_id="warm_up", run_type="manual", run_after=now),
    )
    return dag, assignment
