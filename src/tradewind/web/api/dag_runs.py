"""Runs: list, trigger, change, remove."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tradewind.actions.dag_removal import remove_run
from tradewind.actions.mark import mark_run
from tradewind.errors import NotFound
from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store.read import paging, run_list, runs
from tradewind.store.read.paging import Page
from tradewind.store.read.run_list import RunFilter, RunTimes
from tradewind.store.runs import set_note
from tradewind.web.access import ALL_DAGS, Access
from tradewind.web.api.run_shapes import DAGRunCollectionResponse, DAGRunResponse, run_shapes
from tradewind.web.api.run_trigger import RunBody, trigger_by_request
from tradewind.web.call import Call, aware_fields
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import (
    Body,
    Count,
    MaskQuery,
    Note,
    bounded_limit,
    masked,
    slice_of,
)

routes = Routes("DagRun")
RUNS = "/api/v2/dags/{dag_id}/dagRuns"
RUN = f"{RUNS}/{{dag_run_id}}"


class RunsQuery(RunFilter, kw_only=True):
    """Which runs are wanted. cursor: "" is the first page of a walk through all of them."""

    cursor: str | None = None


class TriggerBody(RunBody, kw_only=True):
    """What a trigger takes. logical_date has to be given, null for none."""

    logical_date: datetime | None


class RunPatchBody(Body):
    """What may be changed of a run."""

    state: Literal["queued", "success", "failed"] | msgspec.UnsetType | None = msgspec.UNSET
    note: Note | msgspec.UnsetType | None = msgspec.UNSET


class RunsBatchBody(RunTimes, kw_only=True, forbid_unknown_fields=True):
    """Which runs are wanted; the same as of the list, for long lists of DAGs."""

    dag_ids: Annotated[list[str], Meta(max_length=10_000)] | None = None
    states: list[RunState | None] | None = None
    conf_contains: str | None = None
    order_by: str | None = None
    page_limit: Count = 100
    page_offset: Count = 0


@routes.get(RUNS, Access.DAG_READ)
def get_dag_runs(call: Call[RunsQuery, None]) -> DAGRunCollectionResponse:
    """List the runs of a DAG, or of all (~)."""
    site, query, readable = call.site, call.query, call.caller.readable
    dag_ids = dags_of(call)
    if query.cursor is not None:
        limit = bounded_limit(site.config, query.limit)
        found, cursor = run_list.find_after(site.db, dag_ids, query, query.cursor, limit, readable)
        return _collection(call, found, None, cursor)
    part = slice_of(site.config, query, "id")
    found, total = run_list.find(site.db, dag_ids, query, part, readable)
    return _collection(call, found, total)


@routes.post(f"{RUNS}/list", Access.DAG_READ, audited=False)
def get_list_dag_runs_batch(call: Call[None, RunsBatchBody]) -> DAGRunCollectionResponse:
    """List the runs of many DAGs."""
    site, body = call.site, call.body
    wanted = RunFilter(
        **aware_fields(body, RunTimes.__struct_fields__),
        state=[s for s in body.states or [] if s is not None],
        conf_contains=body.conf_contains,
    )
    page = Page(
        limit=body.page_limit,
        offset=body.page_offset,
        order_by=[body.order_by] if body.order_by else [],
    )
    dag_ids = dags_of(call)
    if body.dag_ids is not None:
        dag_ids = set(body.dag_ids) if dag_ids is None else dag_ids & set(body.dag_ids)
    found, total = run_list.find(
        site.db, dag_ids, wanted, slice_of(site.config, page, "id"), call.caller.readable
    )
    return _collection(call, found, total)


@routes.get(RUN, Access.DAG_READ)
def get_dag_run(call: Call[None, None]) -> DAGRunResponse:
    """Return a run."""
    return run_shapes(call.site, [the_run(call)])[0]


@routes.post(RUNS, Access.DAG_EDIT, repeatable=True)
def trigger_dag_run(call: Call[None, TriggerBody]) -> DAGRunResponse:
    """Trigger a run."""
    body = call.body
    created = trigger_by_request(call, call.path["dag_id"], body, body.logical_date)
    # Not the values of the conf: they may be secret.
    call.audit(after={"run_id": created.run_id, "conf_keys": sorted(created.conf)})
    return run_shapes(call.site, [created])[0]


@routes.patch(RUN, Access.DAG_EDIT)
def patch_dag_run(call: Call[MaskQuery, RunPatchBody]) -> DAGRunResponse:
    """Mark a run, or write its note."""
    run = the_run(call)
    fields = masked(call.body, call.query.update_mask)
    call.audit(before={"state": run.state, "note": run.note}, after=fields)
    return run_shapes(call.site, [change_run(call, run, fields)])[0]


@routes.delete(RUN, Access.DAG_EDIT)
def delete_dag_run(call: Call[None, None]) -> None:
    """Remove a run that has ended, with its tasks, XComs and history."""
    run = the_run(call)
    call.audit(before={"state": run.state})
    remove_run(call.site.db, run)


def change_run(call: Call[Any, Any], run: Run, fields: dict[str, Any]) -> Run:
    """Mark a run and write its note, as far as the fields say so."""
    site = call.site
    if "note" in fields:
        with site.db.write() as conn:
            set_note(conn, run.run_pk, fields["note"])
    state = fields.get("state")
    if state is not None and state != run.state.value:
        mark_run(site.db, site.signal, site.clock, run, RunState(state), actor=call.caller.name)
    return runs.run(site.db, run.dag_id, run.run_id) or run


def dags_of(call: Call[Any, Any]) -> set[str] | None:
    """Return the DAG that the path names, or None for all (~).

    Raises:
        NotFound: there is no such DAG.
    """
    dag_id = call.path["dag_id"]
    if dag_id == ALL_DAGS:
        return None
    if not run_list.display_names(call.site.db, [dag_id]):
        raise NotFound(f"there is no DAG {dag_id!r}")
    return {dag_id}


def the_run(call: Call[Any, Any]) -> Run:
    """Return the run that the path names.

    Raises:
        NotFound: there is none.
    """
    dag_id, run_id = call.path["dag_id"], call.path["dag_run_id"]
    found = runs.run(call.site.db, dag_id, run_id)
    if found is None:
        raise NotFound(f"DAG {dag_id!r} has no run {run_id!r}")
    return found


def _collection(
    call: Call[Any, Any], found: list[Run], total: int | None, cursor: str | None = None
) -> DAGRunCollectionResponse:
    return DAGRunCollectionResponse(
        dag_runs=run_shapes(call.site, found),
        total_entries=total,
        total_entries_limit=paging.MAX_TOTAL,
        next_cursor=cursor,
        previous_cursor=None,
    )
