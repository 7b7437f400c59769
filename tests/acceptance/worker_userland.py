"""A `Userland` for tests of the worker: a DAG file is a module with functions.

    TASKS = {"name": function(assignment)}     one DAG, "d"; functions may return an Execution
    CALLBACKS = {"kind": function(assignment)}
    TIMEOUTS = {"name": seconds}

What a function raises becomes the outcome, as the SDK does it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from tradewind.model.outcome import Failed, Outcome, Succeeded
from tradewind.sdk.exceptions import AirflowTaskTerminated
from tradewind.wire.messages import AssetEventOut, Assignment, XComValue
from tradewind.worker.userland import Rehearsal


class Execution(msgspec.Struct):
    """As the SDK's."""

    outcome: Outcome
    xcoms: tuple[XComValue, ...] = ()
    mapped_length: int | None = None
    returned: bool = False
    asset_events: tuple[AssetEventOut, ...] = ()
    rendered_fields: bytes | None = None
    rendered_map_index: str | None = None


class Task(msgspec.Struct):
    """A task."""

    run: Callable[[Assignment], Any]
    execution_timeout: timedelta | None = None


class Dag:
    """A DAG."""

    def __init__(self, module: dict[str, Any]) -> None:
        self._module = module

    def get_task(self, task_id: str) -> Task:
        timeout = self._module.get("TIMEOUTS", {}).get(task_id)
        return Task(
            self._module["TASKS"][task_id],
            timedelta(seconds=timeout) if timeout is not None else None,
        )

    def callback(self, kind: str) -> Callable[[Assignment], None]:
        found: Callable[[Assignment], None] = self._module["CALLBACKS"][kind]
        return found


def warm_up() -> tuple[Rehearsal, ...]:
    return ()


def load(path: str, folder: str) -> Mapping[str, Dag]:
    module: dict[str, Any] = {"__file__": path, "__name__": "dag_file", "folder": folder}
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), module)  # noqa: S102
    return {"d": Dag(module)}


def execute(dag: Dag, assignment: Assignment) -> Execution:
    try:
        result = dag.get_task(assignment.task_id).run(assignment)
    except (Exception, AirflowTaskTerminated) as error:
        logging.getLogger("tradewind.task").exception("the task failed")
        return Execution(Failed(error=f"{type(error).__name__}: {error}"))
    return result if isinstance(result, Execution) else Execution(Succeeded())


def run_callback(dag: Dag, assignment: Assignment) -> None:
    assert assignment.callback is not None
    dag.callback(assignment.callback.kind)(assignment)
