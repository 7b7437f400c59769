"""The grid: a DAG's tasks by its runs, a letter a cell."""

from __future__ import annotations

from typing import Any

from tradewind.errors import NotFound
from tradewind.model.spec import DagSpec
from tradewind.store.read import runs as run_rows
from tradewind.store.read.grid import ABSENT
from tradewind.store.read.scheduling import latest_version
from tradewind.web.screens.desk import Asked, Desk
from tradewind.web.screens.shapes import run_shape

_RUNS = 25
_MOST_RUNS = 365
_MOST_CHANGED = 50


def grid(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return tasks, groups, the latest runs (oldest first) and a row of letters for each.

    With `run` given (once or more), only those runs' columns: what a live page asks for when
    something in them changed.
    """
    dag_id = asked.dag_id()
    version = latest_version(desk.db, dag_id)
    if version is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    wanted = asked.all("run")[:_MOST_CHANGED]
    if wanted:
        looked_up = (run_rows.run(desk.db, dag_id, run_id) for run_id in wanted)
        runs = [run for run in looked_up if run is not None]
    else:
        limit = asked.number("runs", _RUNS, _MOST_RUNS, 1)
        runs = run_rows.runs(desk.db, dag_id, limit=limit)[::-1]
    columns = desk.columns.of(runs)
    task_ids = [task.task_id for task in version.spec.tasks]
    known = set(task_ids)
    # Tasks that the DAG no longer has, but one of these runs had.
    gone = sorted({t for column in columns.values() for t in column.letters} - known)
    task_ids += gone
    found: dict[str, Any] = {
        "version": version.number,
        "runs": [run_shape(run) for run in runs],
        "cells": [
            "".join(columns[run.run_pk].letters.get(task, ABSENT) for task in task_ids)
            for run in runs
        ],
        "mapped": [columns[run.run_pk].mapped for run in runs],
    }
    if not wanted:
        found |= structure(version.spec)
        found["gone"] = gone
    return found


def structure(spec: DagSpec) -> dict[str, Any]:
    """Return tasks as [id, group, operator, mapped, kind], groups as [id, parent, label].

    kind: 1 is a setup, 2 a teardown.
    """
    index = {group.group_id: n for n, group in enumerate(spec.groups)}
    return {
        "tasks": [
            [
                task.task_id,
                index.get(task.group_id or "", -1),
                task.operator,
                int(task.expand is not None or _in_mapped(spec, task.group_id)),
                1 if task.is_setup else 2 if task.is_teardown else 0,
            ]
            for task in spec.tasks
        ],
        "groups": [
            [group.group_id, index.get(group.parent or "", -1), group.label or ""]
            for group in spec.groups
        ],
    }


def _in_mapped(spec: DagSpec, group_id: str | None) -> bool:
    groups = {group.group_id: group for group in spec.groups}
    while group_id is not None and group_id in groups:
        if groups[group_id].expand is not None:
            return True
        group_id = groups[group_id].parent
    return False
