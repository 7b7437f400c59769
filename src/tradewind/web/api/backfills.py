"""Backfills: the runs that a schedule has between two dates, created by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from tradewind.actions.backfill import backfill, plan_backfill
from tradewind.actions.backfill_control import cancel, pause_or_go_on
from tradewind.errors import NotFound
from tradewind.store.read import backfill_list, run_list
from tradewind.store.read.backfill_list import BackfillRow
from tradewind.store.read.paging import Page
from tradewind.web.access import Access
from tradewind.web.call import Call, aware
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Shape, slice_of

routes = Routes("Backfill")
_ALL = "/api/v2/backfills"


class BackfillPostBody(Body):
    """Which runs to create."""

    dag_id: str
    from_date: datetime
    to_date: datetime
    run_backwards: bool = False
    dag_run_conf: dict[str, Any] | None = None
    reprocess_behavior: Literal["failed", "completed", "none"] = "none"
    max_active_runs: Annotated[int, Meta(ge=1, le=10_000)] = 10
    run_on_latest_version: bool | None = None


class BackfillsQuery(Page, kw_only=True):
    """Of which DAG the backfills are wanted; none is all."""

    dag_id: str | None = None


class BackfillResponse(Shape):
    """A backfill."""

    id: int
    dag_id: str
    dag_display_name: str
    from_date: datetime
    to_date: datetime
    dag_run_conf: dict[str, Any] | None
    is_paused: bool
    reprocess_behavior: str
    max_active_runs: int
    created_at: datetime
    completed_at: datetime | None
    updated_at: datetime


class BackfillCollectionResponse(Shape):
    """Backfills."""

    backfills: list[BackfillResponse]
    total_entries: int


class DryRunBackfillResponse(Shape):
    """A run that a backfill would create or clear."""

    logical_date: datetime | None
    partition_key: str | None
    partition_date: datetime | None


class DryRunBackfillCollectionResponse(Shape):
    """The runs that a backfill would create or clear."""

    backfills: list[DryRunBackfillResponse]
    total_entries: int


@routes.get(_ALL, Access.DAG_READ)
def list_backfills(call: Call[BackfillsQuery, None]) -> BackfillCollectionResponse:
    """List backfills."""
    part = slice_of(call.site.config, call.query, "id")
    found, total = backfill_list.find(call.site.db, call.query.dag_id, part, call.caller.readable)
    return BackfillCollectionResponse(
        backfills=[_shape(call, row) for row in found], total_entries=total
    )


@routes.get(f"{_ALL}/{{backfill_id}}", Access.DAG_READ)
def get_backfill(call: Call[None, None]) -> BackfillResponse:
    """Return a backfill."""
    wanted = call.number("backfill_id")
    found = backfill_list.one(call.site.db, wanted)
    if found is None or not call.caller.may_read(found.dag_id):
        raise NotFound(f"there is no backfill {wanted}")
    return _shape(call, found)


@routes.post(_ALL, Access.DAG_EDIT)
def create_backfill(call: Call[None, BackfillPostBody]) -> BackfillResponse:
    """Create the runs that a schedule has between two dates."""
    site, body = call.site, call.body
    call.caller.require(body.dag_id, edit=True)
    done = backfill(
        site.db,
        site.signal,
        site.clock,
        plan_backfill(site.db, site.clock, *_span(body), reprocess=body.reprocess_behavior),
        conf=body.dag_run_conf,
        max_active_runs=body.max_active_runs,
        reprocess=body.reprocess_behavior,
        actor=call.caller.name,
    )
    call.audit(after={"dag_id": body.dag_id, "backfill_id": done.backfill_id})
    made = backfill_list.one(site.db, done.backfill_id or 0)
    if made is None:
        raise NotFound("the backfill was removed at once")
    return _shape(call, made)


@routes.put(f"{_ALL}/{{backfill_id}}/pause", Access.DAG_EDIT)
def pause_backfill(call: Call[None, None]) -> BackfillResponse:
    """Start no more runs of a backfill for now; those that run go on."""
    return _set_paused(call, paused=True)


@routes.put(f"{_ALL}/{{backfill_id}}/unpause", Access.DAG_EDIT)
def unpause_backfill(call: Call[None, None]) -> BackfillResponse:
    """Let a backfill go on."""
    return _set_paused(call, paused=False)


@routes.put(f"{_ALL}/{{backfill_id}}/cancel", Access.DAG_EDIT)
def cancel_backfill(call: Call[None, None]) -> BackfillResponse:
    """End a backfill: runs that wait are marked failed, those that run go on."""
    row, site = _editable(call), call.site
    cancel(site.db, site.signal, site.clock, row.backfill_id, row.dag_id, actor=call.caller.name)
    return _shape(call, _editable(call))


@routes.post(f"{_ALL}/dry_run", Access.DAG_EDIT, audited=False)
def create_backfill_dry_run(
    call: Call[None, BackfillPostBody],
) -> DryRunBackfillCollectionResponse:
    """Show which runs a backfill would create and clear."""
    body = call.body
    call.caller.require(body.dag_id, edit=True)
    planned = plan_backfill(
        call.site.db, call.site.clock, *_span(body), reprocess=body.reprocess_behavior
    )
    dates = sorted(
        date
        for date in (
            *(due.logical_date for due in planned.create),
            *(run.logical_date for run in planned.again),
        )
        if date is not None
    )
    shown = [
        DryRunBackfillResponse(logical_date=date, partition_key=None, partition_date=None)
        for date in dates
    ]
    return DryRunBackfillCollectionResponse(backfills=shown, total_entries=len(shown))


def _set_paused(call: Call[None, None], *, paused: bool) -> BackfillResponse:
    row, site = _editable(call), call.site
    pause_or_go_on(site.db, site.signal, site.clock, row.backfill_id, row.dag_id, paused=paused)
    call.audit(before={"is_paused": row.paused}, after={"is_paused": paused})
    return _shape(call, _editable(call))


def _editable(call: Call[None, None]) -> BackfillRow:
    wanted = call.number("backfill_id")
    found = backfill_list.one(call.site.db, wanted)
    if found is None or not call.caller.may_read(found.dag_id):
        raise NotFound(f"there is no backfill {wanted}")
    call.caller.require(found.dag_id, edit=True)
    return found


def _span(body: BackfillPostBody) -> tuple[str, datetime, datetime]:
    if body.run_backwards:
        raise invalid("run_backwards", "runs are created oldest first", where="body")
    start, end = aware("from_date", body.from_date), aware("to_date", body.to_date)
    assert start is not None
    assert end is not None
    return body.dag_id, start, end


def _end_of_runs(row: BackfillRow) -> datetime | None:
    return None if row.live_runs else row.ended_at or row.created_at


def _shape(call: Call[Any, Any], row: BackfillRow) -> BackfillResponse:
    named = run_list.display_names(call.site.db, {row.dag_id})
    return BackfillResponse(
        id=row.backfill_id,
        dag_id=row.dag_id,
        dag_display_name=named.get(row.dag_id, row.dag_id),
        from_date=row.from_date,
        to_date=row.to_date,
        dag_run_conf=row.conf,
        is_paused=row.paused,
        reprocess_behavior=row.reprocess,
        max_active_runs=row.max_active_runs,
        created_at=row.created_at,
        completed_at=row.completed_at or _end_of_runs(row),
        updated_at=row.updated_at,
    )
