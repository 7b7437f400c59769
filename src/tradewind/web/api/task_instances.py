"""Task instances: list, look at, their tries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.actions.reasons import Reasons
from tradewind.errors import NotFound
from tradewind.executors.capacity import configured_capacity
from tradewind.model.ids import UNMAPPED, TaskKey, TiKey
from tradewind.model.run import Run
from tradewind.model.spec import TaskSpec
from tradewind.store.read import history, paging, scheduling, task_list, tasks
from tradewind.store.read.run_list import RunTimes
from tradewind.store.read.task_list import TaskFilter, TaskRow, Within
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import RUN, dags_of, the_run
from tradewind.web.api.task_shapes import (
    TaskInstanceCollectionResponse,
    TaskInstanceHistoryCollectionResponse,
    TaskInstanceHistoryResponse,
    TaskInstanceResponse,
    task_shapes,
    try_shape,
)
from tradewind.web.call import Call, aware_fields
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Count, Shape, bounded_limit, slice_of

routes = Routes("Task Instance")
TASKS = f"{RUN}/taskInstances"
TASK = f"{TASKS}/{{task_id}}"
MAPPED = f"{TASK}/{{map_index}}"
_ALL = "~"


class TasksQuery(TaskFilter, kw_only=True):
    """Which task instances are wanted. cursor: "" is the first page of a walk."""

    cursor: str | None = None
    task_display_name_pattern: str | None = None
    task_display_name_prefix_pattern: str | None = None
    task_group_id: str | None = None
    pool: list[str] = msgspec.field(default_factory=list)
    pool_name_pattern: str | None = None
    pool_name_prefix_pattern: str | None = None
    queue: list[str] = msgspec.field(default_factory=list)
    queue_name_pattern: str | None = None
    queue_name_prefix_pattern: str | None = None
    operator: list[str] = msgspec.field(default_factory=list)
    operator_name_pattern: str | None = None
    operator_name_prefix_pattern: str | None = None


_OF_THE_SPEC = (
    "task_display_name_pattern",
    "task_display_name_prefix_pattern",
    "task_group_id",
    "pool",
    "pool_name_pattern",
    "pool_name_prefix_pattern",
    "queue",
    "queue_name_pattern",
    "queue_name_prefix_pattern",
    "operator",
    "operator_name_pattern",
    "operator_name_prefix_pattern",
)
"""Filters on what a DAG file says of a task."""


class TasksBatchBody(RunTimes, kw_only=True, forbid_unknown_fields=True):
    """Which task instances are wanted, for long lists."""

    dag_ids: Annotated[list[str], Meta(max_length=10_000)] | None = None
    dag_run_ids: Annotated[list[str], Meta(max_length=10_000)] | None = None
    task_ids: Annotated[list[str], Meta(max_length=10_000)] | None = None
    state: list[str | None] | None = None
    pool: list[str] | None = None
    queue: list[str] | None = None
    executor: list[str] | None = None
    order_by: str | None = None
    page_limit: Count = 100
    page_offset: Count = 0


class MapIndexQuery(msgspec.Struct, kw_only=True):
    """Which instance of a mapped task is meant."""

    map_index: int = UNMAPPED


class DependencyResponse(Shape):
    """Why a task does not run."""

    name: str
    reason: str


class TaskDependencyCollectionResponse(Shape):
    """Why a task does not run."""

    dependencies: list[DependencyResponse]


@routes.get(TASKS, Access.DAG_READ)
def get_task_instances(call: Call[TasksQuery, None]) -> TaskInstanceCollectionResponse:
    """List task instances of a run, or of all runs (~)."""
    return _listed(call, call.query, _within(call, call.query))


@routes.get(f"{TASK}/listMapped", Access.DAG_READ)
def get_mapped_task_instances(call: Call[TasksQuery, None]) -> TaskInstanceCollectionResponse:
    """List the instances of a mapped task."""
    run, task_id = the_run(call), call.path["task_id"]
    spec = scheduling.version(call.site.db, run.version_id).spec
    found = next((t for t in spec.tasks if t.task_id == task_id), None)
    if found is None:
        raise NotFound(f"DAG {run.dag_id!r} has no task {task_id!r}")
    within = msgspec.structs.replace(_within(call, call.query), task_ids={task_id})
    return _listed(call, call.query, within)


@routes.post(f"{TASKS}/list", Access.DAG_READ, audited=False)
def get_task_instances_batch(
    call: Call[None, TasksBatchBody],
) -> TaskInstanceCollectionResponse:
    """List task instances of many DAGs and runs."""
    body = call.body
    query = TasksQuery(
        **aware_fields(body, RunTimes.__struct_fields__),
        state=["null" if s is None else s for s in body.state or []],
        pool=body.pool or [],
        queue=body.queue or [],
        executor=body.executor or [],
        limit=body.page_limit,
        offset=body.page_offset,
        order_by=[body.order_by] if body.order_by else [],
    )
    within = _within(call, query)
    dag_ids = within.dag_ids
    if body.dag_ids is not None:
        wanted = set(body.dag_ids)
        dag_ids = wanted if dag_ids is None else wanted & set(dag_ids)
    run_ids: Collection[str] | None = within.run_ids
    if body.dag_run_ids is not None:
        named = set(body.dag_run_ids)
        run_ids = named if run_ids is None else named & set(run_ids)
    within = msgspec.structs.replace(
        within, dag_ids=dag_ids, run_ids=run_ids, task_ids=body.task_ids
    )
    return _listed(call, query, within)


@routes.get(TASK, Access.DAG_READ)
def get_task_instance(call: Call[None, None]) -> TaskInstanceResponse:
    """Return a task instance that is not mapped."""
    return _one(call, UNMAPPED)


@routes.get(MAPPED, Access.DAG_READ)
def get_mapped_task_instance(call: Call[None, None]) -> TaskInstanceResponse:
    """Return an instance of a mapped task."""
    return _one(call, call.number("map_index"))


@routes.get(f"{TASK}/dependencies", Access.DAG_READ)
def get_task_instance_dependencies(
    call: Call[MapIndexQuery, None],
) -> TaskDependencyCollectionResponse:
    """Return what holds a task instance back: each reason with a way out."""
    return _dependencies(call, call.query.map_index)


@routes.get(f"{MAPPED}/dependencies", Access.DAG_READ)
def get_mapped_task_instance_dependencies(
    call: Call[None, None],
) -> TaskDependencyCollectionResponse:
    """Return what holds an instance of a mapped task back."""
    return _dependencies(call, call.number("map_index"))


@routes.get(f"{TASK}/tries", Access.DAG_READ)
def get_task_instance_tries(
    call: Call[MapIndexQuery, None],
) -> TaskInstanceHistoryCollectionResponse:
    """List the tries of a task instance."""
    return _tries(call, call.query.map_index)


@routes.get(f"{MAPPED}/tries", Access.DAG_READ)
def get_mapped_task_instance_tries(
    call: Call[None, None],
) -> TaskInstanceHistoryCollectionResponse:
    """List the tries of an instance of a mapped task."""
    return _tries(call, call.number("map_index"))


@routes.get(f"{TASK}/tries/{{task_try_number}}", Access.DAG_READ)
def get_task_instance_try_details(
    call: Call[MapIndexQuery, None],
) -> TaskInstanceHistoryResponse:
    """Return one try of a task instance."""
    return _try(call, call.query.map_index)


@routes.get(f"{MAPPED}/tries/{{task_try_number}}", Access.DAG_READ)
def get_mapped_task_instance_try_details(
    call: Call[None, None],
) -> TaskInstanceHistoryResponse:
    """Return one try of an instance of a mapped task."""
    return _try(call, call.number("map_index"))


def the_task(call: Call[Any, Any], map_index: int) -> TaskRow:
    """Return the task instance that the path names.

    Raises:
        NotFound: there is none.
    """
    run, task_id = the_run(call), call.path["task_id"]
    found = task_list.one(call.site.db, TiKey(run.run_pk, task_id, map_index))
    if found is None:
        which = "" if map_index == UNMAPPED else f" with map index {map_index}"
        raise NotFound(f"run {run.run_id!r} of DAG {run.dag_id!r} has no task {task_id!r}{which}")
    return found


def _one(call: Call[Any, Any], map_index: int) -> TaskInstanceResponse:
    row = the_task(call, map_index)
    rendered = tasks.rendered_fields(call.site.db, row.ti.key)
    return task_shapes(call.site, [row], rendered)[0]


def _dependencies(call: Call[Any, Any], map_index: int) -> TaskDependencyCollectionResponse:
    run, site = the_run(call), call.site
    key = TaskKey(call.path["task_id"], map_index)
    reasons = Reasons(site.db, site.clock.now(), configured_capacity(site.config.core))
    return TaskDependencyCollectionResponse(
        dependencies=[
            DependencyResponse(name=blocked.code, reason=blocked.text)
            for blocked in reasons.of(run, key)
        ]
    )


def _tries(call: Call[Any, Any], map_index: int) -> TaskInstanceHistoryCollectionResponse:
    row = the_task(call, map_index)
    found = [try_shape(call.site, row, t) for t in history.tries(call.site.db, row.ti.key)]
    return TaskInstanceHistoryCollectionResponse(task_instances=found, total_entries=len(found))


def _try(call: Call[Any, Any], map_index: int) -> TaskInstanceHistoryResponse:
    row, number = the_task(call, map_index), call.number("task_try_number")
    for tried in history.tries(call.site.db, row.ti.key):
        if tried.try_number == number:
            return try_shape(call.site, row, tried)
    raise NotFound(f"task {row.ti.task_id!r} has no try {number}")


def _listed(
    call: Call[Any, Any], query: TasksQuery, within: Within
) -> TaskInstanceCollectionResponse:
    site, readable = call.site, call.caller.readable
    if query.cursor is not None:
        limit = bounded_limit(site.config, query.limit)
        found, cursor = task_list.find_after(site.db, within, query, query.cursor, limit, readable)
        return TaskInstanceCollectionResponse(
            task_instances=task_shapes(site, found), total_entries=None, next_cursor=cursor
        )
    part = slice_of(site.config, query, "id")
    found, total = task_list.find(site.db, within, query, part, readable)
    return TaskInstanceCollectionResponse(
        task_instances=task_shapes(site, found),
        total_entries=total,
        total_entries_limit=paging.MAX_TOTAL,
    )


def _within(call: Call[Any, Any], query: TasksQuery) -> Within:
    run_id = call.path["dag_run_id"]
    run: Run | None = None
    if run_id != _ALL and call.path["dag_id"] != _ALL:
        run = the_run(call)
    within = Within(dag_ids=dags_of(call), run_ids=None if run_id == _ALL else {run_id})
    if not any(getattr(query, name) for name in _OF_THE_SPEC):
        return within
    found = (
        [run.version_id]
        if run
        else task_list.version_ids(call.site.db, within, call.caller.readable)
    )
    by_version = {
        version_id: [
            task.task_id
            for task in scheduling.version(call.site.db, version_id).spec.tasks
            if _matches(task, query)
        ]
        for version_id in found
    }
    return msgspec.structs.replace(within, by_version=by_version)


def _matches(task: TaskSpec, query: TasksQuery) -> bool:
    name = task.display_name or task.task_id
    group = task.group_id or ""
    inside = query.task_group_id is None or (
        group == query.task_group_id or group.startswith(f"{query.task_group_id}.")
    )
    return (
        inside
        and _like(name, query.task_display_name_pattern)
        and _begins(name, query.task_display_name_prefix_pattern)
        and _among(task.pool, query.pool)
        and _like(task.pool, query.pool_name_pattern)
        and _begins(task.pool, query.pool_name_prefix_pattern)
        and _among(task.queue or "default", query.queue)
        and _like(task.queue or "default", query.queue_name_pattern)
        and _begins(task.queue or "default", query.queue_name_prefix_pattern)
        and _among(task.operator, query.operator)
        and _like(task.operator, query.operator_name_pattern)
        and _begins(task.operator, query.operator_name_prefix_pattern)
    )


def _among(value: str, wanted: list[str]) -> bool:
    return not wanted or value in wanted


def _like(value: str, pattern: str | None) -> bool:
    if pattern is None or pattern == _ALL:
        return True
    parts = [p.strip("%").lower() for p in pattern.split("|")]
    return any(part in value.lower() for part in parts)


def _begins(value: str, prefix: str | None) -> bool:
    if prefix is None or prefix == _ALL:
        return True
    return value.startswith(tuple(prefix.split("|")))
