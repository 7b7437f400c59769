"""Task instances and their tries as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tradewind.model.run import Run
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TaskState
from tradewind.store.read import run_list, scheduling, versions
from tradewind.store.read.history import Try
from tradewind.store.read.task_list import TaskRow
from tradewind.web.shapes import (
    DagVersionResponse,
    Shape,
    duration_s,
    stable_uuid,
    version_shape,
)
from tradewind.web.site import Site

_NO_TASK = TaskSpec(task_id="")
"""Stands for a task that the run's version no longer has."""
_TRY_STATES = frozenset(s.value for s in TaskState) - {"none"}
_ATTEMPT_AS_TASK = {"done": "success", "lost": "failed", "superseded": None}


class _Tried(Shape):
    """What a task instance and each of its tries have in common."""

    task_id: str
    dag_id: str
    dag_run_id: str
    map_index: int
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    state: str | None
    try_number: int
    max_tries: int
    task_display_name: str
    dag_display_name: str
    hostname: str | None
    unixname: str | None
    pool: str
    pool_slots: int
    queue: str | None
    priority_weight: int | None
    operator: str | None
    operator_name: str | None
    queued_when: datetime | None
    scheduled_when: datetime | None
    pid: int | None
    executor: str | None
    executor_config: str
    dag_version: DagVersionResponse | None


class TaskInstanceResponse(_Tried):
    """A task instance."""

    id: UUID
    logical_date: datetime | None
    run_after: datetime
    note: str | None
    rendered_map_index: str | None
    rendered_fields: dict[str, Any]
    trigger: dict[str, Any] | None
    triggerer_job: dict[str, Any] | None


class TaskInstanceCollectionResponse(Shape):
    """Task instances."""

    task_instances: list[TaskInstanceResponse]
    total_entries: int | None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


class TaskInstanceHistoryResponse(_Tried):
    """One try of a task instance."""


class TaskInstanceHistoryCollectionResponse(Shape):
    """The tries of a task instance."""

    task_instances: list[TaskInstanceHistoryResponse]
    total_entries: int


def tasks_by_id(site: Site, run: Run) -> dict[str, TaskSpec]:
    """Return the tasks of the version that a run is pinned to."""
    return site.db.memo(
        ("tasks", run.version_id),
        lambda: {t.task_id: t for t in scheduling.version(site.db, run.version_id).spec.tasks},
    )


def task_shapes(
    site: Site, found: Sequence[TaskRow], rendered: bytes | None = None
) -> list[TaskInstanceResponse]:
    """Return task instances as the API shows them. rendered: the fields of the only one."""
    named = run_list.display_names(site.db, {row.run.dag_id for row in found})
    known = versions.by_ids(site.db, {row.run.version_id for row in found})
    fields: dict[str, Any] = msgspec.json.decode(rendered) if rendered else {}
    shown = []
    for row in found:
        ti, run = row.ti, row.run
        version = known.get(run.version_id)
        name = named.get(run.dag_id, run.dag_id)
        state = None if ti.state is TaskState.NONE else ti.state.value
        shown.append(
            TaskInstanceResponse(
                id=stable_uuid("ti", *ti.key),
                map_index=ti.map_index,
                logical_date=run.logical_date,
                run_after=run.run_after,
                start_date=ti.started_at,
                end_date=ti.ended_at,
                duration=duration_s(ti.started_at, ti.ended_at),
                state=state,
                try_number=ti.try_number,
                hostname=row.worker,
                queued_when=ti.queued_at,
                executor=row.executor,
                note=row.note,
                rendered_map_index=row.map_index_label,
                rendered_fields=fields,
                trigger=None,
                triggerer_job=None,
                dag_version=version_shape(version, name) if version else None,
                **_common(site, row, name),
            )
        )
    return shown


def try_shape(site: Site, row: TaskRow, tried: Try) -> TaskInstanceHistoryResponse:
    """Return one try of a task instance as the API shows it."""
    known = versions.by_ids(site.db, {row.run.version_id}).get(row.run.version_id)
    name = run_list.display_names(site.db, {row.run.dag_id}).get(row.run.dag_id, row.run.dag_id)
    last = tried.attempts[-1]
    state = (
        tried.state if tried.state in _TRY_STATES else _ATTEMPT_AS_TASK.get(tried.state, "queued")
    )
    return TaskInstanceHistoryResponse(
        map_index=row.ti.map_index,
        start_date=tried.started_at,
        end_date=tried.ended_at,
        duration=duration_s(tried.started_at, tried.ended_at),
        state=state,
        try_number=tried.try_number,
        hostname=last.worker,
        queued_when=tried.queued_at,
        executor=last.executor,
        dag_version=version_shape(known, name) if known else None,
        **_common(site, row, name),
    )


def _common(site: Site, row: TaskRow, dag_display_name: str) -> dict[str, Any]:
    task = tasks_by_id(site, row.run).get(row.ti.task_id, _NO_TASK)
    return {
        "task_id": row.ti.task_id,
        "dag_id": row.run.dag_id,
        "dag_run_id": row.run.run_id,
        "max_tries": row.ti.max_tries,
        "task_display_name": task.display_name or row.ti.task_id,
        "dag_display_name": dag_display_name,
        "unixname": None,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "queue": row.queue or task.queue,
        "priority_weight": task.priority_weight,
        "operator": task.operator,
        "operator_name": task.operator,
        "scheduled_when": None,
        "pid": None,
        "executor_config": "{}",
    }
