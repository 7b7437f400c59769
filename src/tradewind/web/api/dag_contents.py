"""What a DAG is made of: its tasks, its versions, its code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.responses import PlainTextResponse, Response

from tradewind.errors import NotFound
from tradewind.model.spec import DagSpec, TaskSpec
from tradewind.store import code
from tradewind.store.connect import Database
from tradewind.store.read import dags, scheduling, versions
from tradewind.store.read.paging import BadOrder, Page
from tradewind.web.access import ALL_DAGS, Access, Caller
from tradewind.web.api.dags import the_dag
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import json
from tradewind.web.shapes import DagVersionResponse, Shape, slice_of, version_shape
from tradewind.wire import snapshot

routes = Routes("Task")
_DAG = "/api/v2/dags/{dag_id}"


class OrderQuery(msgspec.Struct, kw_only=True):
    """The order of tasks: a field's name, "-" before it for descending."""

    order_by: str = "task_id"


class TimeDelta(msgspec.Struct, kw_only=True):
    """A duration."""

    type_: str = msgspec.field(default="TimeDelta", name="__type")
    days: int
    seconds: int
    microseconds: int


class TaskResponse(Shape):
    """A task as its DAG file says it."""

    task_id: str
    task_display_name: str
    owner: str
    start_date: datetime | None
    end_date: datetime | None
    trigger_rule: str
    depends_on_past: bool
    wait_for_downstream: bool
    retries: int
    queue: str | None
    pool: str
    pool_slots: int
    execution_timeout: TimeDelta | None
    retry_delay: TimeDelta
    retry_exponential_backoff: float
    priority_weight: int
    weight_rule: str
    ui_color: str | None
    ui_fgcolor: str | None
    template_fields: list[str]
    downstream_task_ids: list[str]
    doc_md: str | None
    operator_name: str
    params: dict[str, Any]
    class_ref: dict[str, Any]
    is_mapped: bool
    extra_links: list[str]


class TaskCollectionResponse(Shape):
    """Tasks."""

    tasks: list[TaskResponse]
    total_entries: int


class VersionsQuery(Page, kw_only=True):
    """Which versions are wanted."""

    version_number: int | None = None
    bundle_name: str | None = None
    bundle_version: str | None = None


class DAGVersionCollectionResponse(Shape):
    """Versions of a DAG."""

    dag_versions: list[DagVersionResponse]
    total_entries: int


class SourceQuery(msgspec.Struct, kw_only=True):
    """Of which version the code is wanted; none is the latest."""

    version_number: int | None = None


class DAGSourceResponse(Shape):
    """The text of a DAG's file."""

    content: str | None
    dag_id: str
    dag_display_name: str
    version_number: int | None


@routes.get(f"{_DAG}/tasks", Access.DAG_READ)
def get_tasks(call: Call[OrderQuery, None]) -> TaskCollectionResponse:
    """List the tasks of a DAG's latest version."""
    name = call.query.order_by.removeprefix("-")
    if name not in TaskResponse.__struct_fields__:
        raise BadOrder(f"'{name}' is no field of a task")
    spec = scheduling.version(call.site.db, the_dag(call).version_id).spec
    found = [_shape(spec, index) for index in range(len(spec.tasks))]
    found.sort(key=lambda t: str(getattr(t, name)), reverse=call.query.order_by.startswith("-"))
    return TaskCollectionResponse(tasks=found, total_entries=len(found))


@routes.get(f"{_DAG}/tasks/{{task_id}}", Access.DAG_READ)
def get_task(call: Call[None, None]) -> TaskResponse:
    """Return a task."""
    spec = scheduling.version(call.site.db, the_dag(call).version_id).spec
    for index, task in enumerate(spec.tasks):
        if task.task_id == call.path["task_id"]:
            return _shape(spec, index)
    raise NotFound(f"DAG {spec.dag_id!r} has no task {call.path['task_id']!r}")


@routes.get(f"{_DAG}/dagVersions", Access.DAG_READ)
def get_dag_versions(call: Call[VersionsQuery, None]) -> DAGVersionCollectionResponse:
    """List the versions of a DAG, or of all (~)."""
    dag_id: str | None = call.path["dag_id"]
    name = None
    if dag_id == ALL_DAGS:
        dag_id = None
    else:
        name = the_dag(call).display_name
    part = slice_of(call.site.config, call.query, "id")
    found, total = versions.find(
        call.site.db, dag_id, call.query.version_number, part, call.caller.readable
    )
    return DAGVersionCollectionResponse(
        dag_versions=[version_shape(version, name) for version in found], total_entries=total
    )


@routes.get(f"{_DAG}/dagVersions/{{version_number}}", Access.DAG_READ)
def get_dag_version(call: Call[None, None]) -> DagVersionResponse:
    """Return a version of a DAG."""
    row = the_dag(call)
    return version_shape(_numbered(call.site.db, row.dag_id, call.number("version_number")))


@routes.get("/api/v2/dagSources/{dag_id}", Access.DAG_READ)
def get_dag_source(call: Call[SourceQuery, None]) -> Response:
    """Return the text of a DAG's file as it was kept with a version."""
    row = the_dag(call)
    number = call.query.version_number or row.version_number
    version = _numbered(call.site.db, row.dag_id, number)
    _refuse_neighbours(call.site.db, call.caller, version.dag_file)
    live = number == row.version_number
    text = None
    if live:
        latest = scheduling.latest_version(call.site.db, row.dag_id)
        text = _source(call.site.db, latest.tree_hash, latest.dag_file) if latest else None
    if text is None:
        text = _source(call.site.db, version.tree_hash, version.dag_file)
    if text is None:
        raise NotFound(f"the code of version {number} of DAG {row.dag_id!r} was not kept")
    if "text/plain" in call.request.headers.get("accept", ""):
        return PlainTextResponse(text)
    return json(
        DAGSourceResponse(
            content=text,
            dag_id=row.dag_id,
            dag_display_name=row.display_name or row.dag_id,
            version_number=number,
        )
    )


def _numbered(db: Database, dag_id: str, number: int) -> versions.VersionRow:
    found = versions.numbered(db, dag_id, number)
    if found is None:
        raise NotFound(f"DAG {dag_id!r} has no version {number}")
    return found


def _refuse_neighbours(db: Database, caller: Caller, dag_file: str) -> None:
    """Refuse a file that also holds DAGs which the caller may not see."""
    if caller.readable is None:
        return
    for file in dags.files(db):
        if file.path == dag_file and not all(map(caller.may_read, file.dag_ids)):
            raise NotFound("this DAG's file also defines DAGs that you may not see")


def _source(db: Database, tree_hash: str, dag_file: str) -> str | None:
    """Return the text of a file in a snapshot; None when it was not kept."""
    name = tree_hash
    parts = dag_file.split("/")
    for part in parts:
        packed = code.get_objects(db, [name]).get(name) if name else None
        if packed is None:
            return None
        entries = {e.name: e.hash for e in snapshot.decode_tree(name, packed).entries}
        name = entries.get(part, "")
    packed = code.get_objects(db, [name]).get(name) if name else None
    return None if packed is None else snapshot.unpack(name, packed).decode("utf-8", "replace")


def _shape(spec: DagSpec, index: int) -> TaskResponse:
    task = spec.tasks[index]
    timeout_s = task.execution_timeout_s
    below = [t.task_id for t in spec.tasks if index in t.upstream]
    return TaskResponse(
        task_id=task.task_id,
        task_display_name=task.display_name or task.task_id,
        owner=task.owner,
        start_date=task.start_date,
        end_date=task.end_date,
        trigger_rule=task.trigger_rule.value,
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        retries=task.retries,
        queue=task.queue,
        pool=task.pool,
        pool_slots=task.pool_slots,
        execution_timeout=None if timeout_s is None else _delta(timeout_s),
        retry_delay=_delta(task.retry_delay_s),
        retry_exponential_backoff=task.retry_backoff,
        priority_weight=task.priority_weight,
        weight_rule=task.weight_rule,
        ui_color=task.ui_color,
        ui_fgcolor=task.ui_fgcolor,
        template_fields=list(task.template_fields),
        downstream_task_ids=below,
        doc_md=task.doc_md,
        operator_name=task.operator,
        params={},
        class_ref={"module_path": None, "class_name": task.operator},
        is_mapped=_is_mapped(spec, task),
        extra_links=list(task.extra_links),
    )


def _is_mapped(spec: DagSpec, task: TaskSpec) -> bool:
    if task.expand is not None:
        return True
    groups = {group.group_id: group for group in spec.groups}
    inside = groups.get(task.group_id or "")
    while inside is not None:
        if inside.expand is not None:
            return True
        inside = groups.get(inside.parent or "")
    return False


def _delta(seconds: float) -> TimeDelta:
    span = timedelta(seconds=seconds)
    return TimeDelta(days=span.days, seconds=span.seconds, microseconds=span.microseconds)
