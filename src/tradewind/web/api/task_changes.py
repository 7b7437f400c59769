"""Clear and mark task instances and runs: the dry run shows exactly what will be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tradewind.actions.clear import clear
from tradewind.actions.dag_removal import remove_task
from tradewind.actions.mark import mark
from tradewind.actions.plan import Plan, plan, plan_all, plan_mark
from tradewind.engine.plan import Selection
from tradewind.errors import Conflict, NotFound
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.run import Run
from tradewind.model.state import LIVE_STATES, RunState, TaskState
from tradewind.store import task_notes
from tradewind.store.read import run_list, runs, scheduling, task_list
from tradewind.store.read.paging import Slice
from tradewind.store.read.run_list import RunFilter
from tradewind.store.runs import set_note
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import RUN, the_run
from tradewind.web.api.run_shapes import DAGRunResponse, run_shapes
from tradewind.web.api.task_instances import MAPPED, TASK, MapIndexQuery, the_task
from tradewind.web.api.task_shapes import (
    TaskInstanceCollectionResponse,
    TaskInstanceResponse,
    task_shapes,
)
from tradewind.web.call import Call, aware
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, MaskQuery, Note, Shape

routes = Routes("Task Instance")
_GROUP = f"{RUN}/taskGroupInstances/{{group_id}}"
MAX_RUNS = 1_000
"""Runs that one request clears or marks at once."""

TaskId = str | tuple[str, int]


class ClearTasksBody(Body):
    """Which task instances to clear. dry_run is the default."""

    dry_run: bool = True
    start_date: datetime | None = None
    end_date: datetime | None = None
    only_failed: bool = True
    only_running: bool = False
    only_new: bool = False
    reset_dag_runs: bool = True
    task_ids: Annotated[list[TaskId], Meta(max_length=10_000)] | None = None
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: Note | None = None


class ClearRunBody(Body):
    """How to clear a run. dry_run is the default."""

    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: Note | None = None


class PatchTaskBody(Body, kw_only=True):
    """What is to be made of task instances."""

    new_state: Literal["success", "failed", "skipped"] | None = None
    note: Note | msgspec.UnsetType | None = msgspec.UNSET
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False


class PatchTaskQuery(MaskQuery, kw_only=True):
    """Which instance of a mapped task is meant; none is all."""

    map_index: int | None = None


class ClearedResponse(Shape):
    """The task instances that are, or would be, cleared."""

    task_instances: list[TaskInstanceResponse]
    total_entries: int


# ---- clear ----------------------------------------------------------------------------------


@routes.post("/api/v2/dags/{dag_id}/clearTaskInstances", Access.DAG_EDIT)
def post_clear_task_instances(
    call: Call[None, ClearTasksBody],
) -> TaskInstanceCollectionResponse:
    """Clear task instances of a DAG, or show which would be."""
    body = call.body
    plans = [
        plan(call.site.db, run, selection)
        for run in _runs_to_clear(call)
        for selection in _selections(call)
    ]
    if body.prevent_running_task:
        _refuse_running(call, plans)
    shown = planned_shapes(call, plans)
    if not body.dry_run:
        for planned in plans:
            clear(
                call.site.db,
                call.site.signal,
                call.site.clock,
                planned,
                latest_version=body.run_on_latest_version,
                run_state=RunState.QUEUED if body.reset_dag_runs else None,
                actor=call.caller.name,
            )
        if body.note is not None:
            write_notes(call, plans, body.note)
        call.audit(after={"cleared": _names(plans)})
    return TaskInstanceCollectionResponse(task_instances=shown, total_entries=len(shown))


@routes.post(f"{RUN}/clear", Access.DAG_EDIT)
def clear_dag_run(call: Call[None, ClearRunBody]) -> DAGRunResponse | ClearedResponse:
    """Clear a run, or show which of its task instances would be."""
    body, run = call.body, the_run(call)
    if body.only_new:
        raise invalid("only_new", "clear the run: new tasks of its version are added to it")
    planned = plan(call.site.db, run, Selection(only_failed=body.only_failed))
    if body.dry_run:
        shown = planned_shapes(call, [planned])
        return ClearedResponse(task_instances=shown, total_entries=len(shown))
    clear(
        call.site.db,
        call.site.signal,
        call.site.clock,
        planned,
        latest_version=body.run_on_latest_version,
        actor=call.caller.name,
    )
    if body.note is not None:
        with call.site.db.write() as conn:
            set_note(conn, run.run_pk, body.note)
    call.audit(after={"cleared": _names([planned])})
    return run_shapes(call.site, [runs.run(call.site.db, run.dag_id, run.run_id) or run])[0]


# ---- mark -----------------------------------------------------------------------------------


@routes.patch(TASK, Access.DAG_EDIT)
def patch_task_instance(
    call: Call[PatchTaskQuery, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Mark a task instance, or all instances of a mapped task."""
    return _mark(call, _task(call), call.query.map_index, apply=True)


@routes.patch(MAPPED, Access.DAG_EDIT)
def patch_task_instance_by_map_index(
    call: Call[MaskQuery, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Mark an instance of a mapped task."""
    return _mark(call, _task(call), call.number("map_index"), apply=True)


@routes.patch(f"{TASK}/dry_run", Access.DAG_EDIT, audited=False)
def patch_task_instance_dry_run(
    call: Call[PatchTaskQuery, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Show which task instances a mark would change."""
    return _mark(call, _task(call), call.query.map_index, apply=False)


@routes.patch(f"{MAPPED}/dry_run", Access.DAG_EDIT, audited=False)
def patch_task_instance_dry_run_by_map_index(
    call: Call[MaskQuery, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Show which task instances a mark would change."""
    return _mark(call, _task(call), call.number("map_index"), apply=False)


@routes.patch(_GROUP, Access.DAG_EDIT)
def patch_task_group_instances(
    call: Call[MaskQuery, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Mark the task instances of a group."""
    return _mark(call, _group(call), None, apply=True)


@routes.patch(f"{_GROUP}/dry_run", Access.DAG_EDIT, audited=False)
def patch_task_group_instances_dry_run(
    call: Call[None, PatchTaskBody],
) -> TaskInstanceCollectionResponse:
    """Show which task instances marking a group would change."""
    return _mark(call, _group(call), None, apply=False)


def _mark(
    call: Call[Any, PatchTaskBody], task_ids: Sequence[str], map_index: int | None, *, apply: bool
) -> TaskInstanceCollectionResponse:
    run, mask = the_run(call), getattr(call.query, "update_mask", [])
    plans = change_tasks(call, run, task_ids, map_index, _within_mask(call.body, mask), apply=apply)
    if apply:
        wanted = {"state": call.body.new_state, "note": call.body.note}
        told = {name: value for name, value in wanted.items() if value is not msgspec.UNSET}
        call.audit(after={**told, "changed": _names(plans)})
    shown = planned_shapes(call, plans)
    return TaskInstanceCollectionResponse(task_instances=shown, total_entries=len(shown))


def _within_mask(body: PatchTaskBody, mask: Sequence[str]) -> PatchTaskBody:
    """Return a body without what its mask leaves out."""
    left_out: dict[str, Any] = {"new_state": None, "note": msgspec.UNSET}
    kept = {name: value for name, value in left_out.items() if mask and name not in mask}
    return msgspec.structs.replace(body, **kept)


def change_tasks(
    call: Call[Any, Any],
    run: Run,
    task_ids: Sequence[str],
    map_index: int | None,
    change: PatchTaskBody,
    *,
    apply: bool,
) -> list[Plan]:
    """Mark task instances and write their notes, or only tell which (apply: False).

    Args:
        call: the request; its caller may edit the run's DAG.
        run: whose tasks.
        task_ids: these tasks, and what the change says besides.
        map_index: this instance; None: all.
        change: the state and the note; without a state only the note is written.
        apply: whether it is done.

    Raises:
        Invalid: the change says nothing.
        NotFound: there is no such task or instance.
    """
    if change.new_state is None and change.note is msgspec.UNSET:
        raise invalid("new_state", "say success, failed or skipped, or write a note")
    site, state = call.site, None if change.new_state is None else TaskState(change.new_state)
    selection = Selection(
        task_ids=tuple(task_ids),
        map_indexes=() if map_index is None else (map_index,),
        upstream=change.include_upstream,
        downstream=change.include_downstream,
    )
    wanted = [run, *_around(call, run, past=change.include_past, future=change.include_future)]
    if map_index is not None:
        _must_have(call, run, task_ids[0], map_index)
    every = [plan_all(site.db, each, selection) for each in wanted]
    if apply and change.note is not msgspec.UNSET:
        write_notes(call, every, change.note)
    if state is None:
        return every
    plans = [plan_mark(site.db, each, selection, state) for each in wanted]
    if apply:
        for planned in plans:
            mark(site.db, site.signal, site.clock, planned, state, actor=call.caller.name)
    return plans


def write_notes(call: Call[Any, Any], plans: Iterable[Plan], note: str | None) -> None:
    """Write the note of the task instances of plans; None removes it."""
    keys = [TiKey(p.run.run_pk, key.task_id, key.map_index) for p in plans for key in p.keys]
    site = call.site
    with site.db.write() as conn:
        task_notes.write(conn, keys, note, actor=call.caller.name, now=site.clock.now())


def _must_have(call: Call[Any, Any], run: Run, task_id: str, map_index: int) -> None:
    named = scheduling.run_rows(call.site.db, run.run_pk)
    if named is None or not any(t.in_run == (task_id, map_index) for t in named.instances):
        raise NotFound(f"task {task_id!r} has no instance {map_index} in this run")


@routes.delete(TASK, Access.DAG_EDIT, status=200)
def delete_task_instance(call: Call[MapIndexQuery, None]) -> None:
    """Remove a task instance of a run that has ended, with its tries and XComs."""
    row = the_task(call, call.query.map_index)
    call.audit(before={"state": row.ti.state, "map_index": row.ti.map_index})
    remove_task(call.site.db, row.run, row.ti.key)


# ---- which runs and tasks -------------------------------------------------------------------


def _runs_to_clear(call: Call[None, ClearTasksBody]) -> list[Run]:
    body, dag_id = call.body, call.path["dag_id"]
    if not run_list.display_names(call.site.db, [dag_id]):
        raise NotFound(f"there is no DAG {dag_id!r}")
    if body.dag_run_id is None:
        if body.include_past or body.include_future:
            raise invalid("dag_run_id", "past and future of which run?")
        wanted = RunFilter(
            logical_date_gte=aware("start_date", body.start_date),
            logical_date_lte=aware("end_date", body.end_date),
        )
        found, total = run_list.find(
            call.site.db, [dag_id], wanted, Slice(limit=MAX_RUNS), call.caller.readable
        )
        if total > MAX_RUNS:
            raise invalid("start_date", f"clear at most {MAX_RUNS} runs at once, not {total}")
        return found
    run = runs.run(call.site.db, dag_id, body.dag_run_id)
    if run is None:
        raise NotFound(f"DAG {dag_id!r} has no run {body.dag_run_id!r}")
    return [run, *_around(call, run, past=body.include_past, future=body.include_future)]


def _around(call: Call[Any, Any], run: Run, *, past: bool, future: bool) -> list[Run]:
    """Return the DAG's runs before and after one."""
    found: list[Run] = []
    for wanted, bound in ((past, "run_after_lt"), (future, "run_after_gt")):
        if wanted:
            query = RunFilter(**{bound: run.run_after})  # type: ignore[arg-type]
            page, total = run_list.find(
                call.site.db, [run.dag_id], query, Slice(limit=MAX_RUNS), None
            )
            if total > MAX_RUNS:
                raise invalid("include_past", f"these are more than {MAX_RUNS} runs", total)
            found += page
    return found


def _selections(call: Call[None, ClearTasksBody]) -> list[Selection]:
    """Return what the body selects: whole tasks together, instances each on their own."""
    body = call.body
    base = Selection(
        upstream=body.include_upstream,
        downstream=body.include_downstream,
        only_failed=body.only_failed and not body.only_running,
        only_running=body.only_running,
    )
    if body.task_ids is None:
        return [base]
    whole = tuple(t for t in body.task_ids if isinstance(t, str))
    single = [t for t in body.task_ids if not isinstance(t, str)]
    found = [msgspec.structs.replace(base, task_ids=whole)] if whole else []
    return found + [
        msgspec.structs.replace(base, task_ids=(task_id,), map_indexes=(index,))
        for task_id, index in single
    ]


def _refuse_running(call: Call[Any, Any], plans: Iterable[Plan]) -> None:
    for planned in plans:
        rows = scheduling.run_rows(call.site.db, planned.run.run_pk)
        running = [
            ti.task_id
            for ti in (rows.instances if rows else [])
            if ti.in_run in set(planned.keys) and ti.state in LIVE_STATES
        ]
        if running:
            raise Conflict(f"task {running[0]!r} of run {planned.run.run_id!r} is running")


def _task(call: Call[Any, Any]) -> tuple[str]:
    return (call.path["task_id"],)


def _group(call: Call[Any, Any]) -> list[str]:
    run, group_id = the_run(call), call.path["group_id"]
    spec = scheduling.version(call.site.db, run.version_id).spec
    if group_id not in {group.group_id for group in spec.groups}:
        raise NotFound(f"DAG {run.dag_id!r} has no task group {group_id!r}")
    parents = {group.group_id: group.parent for group in spec.groups}
    found = []
    for task in spec.tasks:
        inside = task.group_id
        while inside is not None and inside != group_id:
            inside = parents.get(inside)
        if inside == group_id:
            found.append(task.task_id)
    return found


def planned_shapes(call: Call[Any, Any], plans: Iterable[Plan]) -> list[TaskInstanceResponse]:
    """Return the task instances of plans as the API shows them."""
    found = []
    for planned in plans:
        keys = [(key.task_id, key.map_index) for key in planned.keys]
        found += task_list.keyed(call.site.db, planned.run.run_pk, keys)
    return task_shapes(call.site, found)


def _names(plans: Iterable[Plan]) -> dict[str, list[str]]:
    """Return what was done, for the audit log."""
    found: dict[str, list[str]] = {}
    for planned in plans:
        found.setdefault(planned.run.run_id, []).extend(
            key.task_id if key.map_index == UNMAPPED else f"{key.task_id}[{key.map_index}]"
            for key in planned.keys
        )
    return found
