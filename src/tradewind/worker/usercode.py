"""The `Userland` that runs real DAG files, through the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tradewind.model.ids import AttemptId
from tradewind.sdk import DAG, defaults, scope, task
from tradewind.sdk.execution import execute, run_callback
from tradewind.sdk.loading import load_dag_file
from tradewind.wire.messages import Assignment, RunInfo

__all__ = ["execute", "load", "run_callback", "warm_up"]

_WARM_UPS = 12
"""CPython rewrites a function's code for speed when it has been called eight times."""

_NOWHERE = "/dev/null"
"""A folder that has no modules: the SDK trusts classes of the folder that a task runs from."""


def load(path: str, folder: str) -> Mapping[str, Any]:
    """Import a DAG file and return its DAGs by id."""
    defaults.install_from(os.environ)
    return load_dag_file(path, folder).dags


def warm_up() -> None:
    """Run a task that does nothing, so that the first times are behind us.

    Every attempt is a fresh fork, and whatever it is the first to do (fill a cache, rewrite
    code for speed) it does again and again, each time on pages that must be copied for it.
    """
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
    for _ in range(_WARM_UPS):
        execute(dag, assignment)
