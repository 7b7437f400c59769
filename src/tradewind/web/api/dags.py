"""DAGs: list, look at, pause, remove."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.actions.dag_removal import remove_dag
from tradewind.actions.pause import pause
from tradewind.errors import Conflict, NotFound
from tradewind.model.state import RunState
from tradewind.store import favorites
from tradewind.store.read import dag_list, dags
from tradewind.store.read.dag_list import DagFilter
from tradewind.store.read.dags import DagRow
from tradewind.store.read.paging import Page
from tradewind.web.access import Access
from tradewind.web.api.dag_shapes import (
    DAGCollectionResponse,
    DAGDetailsResponse,
    DAGResponse,
    dag_details,
    dag_shapes,
)
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, MaskQuery, Shape, slice_of

routes = Routes("DAG")
_DAG = "/api/v2/dags/{dag_id}"


class DagsPatchQuery(DagFilter, kw_only=True):
    """Which DAGs a change is for."""

    update_mask: list[str] = msgspec.field(default_factory=list)


class DagPatchBody(Body):
    """What may be changed of a DAG."""

    is_paused: bool


class TagsQuery(Page, kw_only=True):
    """Which tags are wanted."""

    tag_name_pattern: str | None = None
    tag_name_prefix_pattern: str | None = None


class DAGTagCollectionResponse(Shape):
    """Tags."""

    tags: list[str]
    total_entries: int


class StatsQuery(msgspec.Struct, kw_only=True):
    """Which DAGs are wanted; none is all."""

    dag_ids: Annotated[list[str], Meta(max_length=1000)] = []


class DagStatsStateResponse(Shape):
    """How many runs are in a state."""

    state: RunState
    count: int


class DagStatsResponse(Shape):
    """How many runs of a DAG are in each state."""

    dag_id: str
    dag_display_name: str
    stats: list[DagStatsStateResponse]


class DagStatsCollectionResponse(Shape):
    """How many runs of DAGs are in each state."""

    dags: list[DagStatsResponse]
    total_entries: int


@routes.get("/api/v2/dags", Access.DAG_READ)
def get_dags(call: Call[DagFilter, None]) -> DAGCollectionResponse:
    """List DAGs."""
    part = slice_of(call.site.config, call.query, "dag_id")
    found, total = dag_list.find(
        call.site.db, call.query, part, call.caller.readable, whose=call.caller.name
    )
    return DAGCollectionResponse(dags=dag_shapes(call.site, found), total_entries=total)


@routes.patch("/api/v2/dags", Access.DAG_EDIT)
def patch_dags(call: Call[DagsPatchQuery, DagPatchBody]) -> DAGCollectionResponse:
    """Pause or unpause the DAGs of a list that the caller may edit."""
    _check_mask(call.query.update_mask)
    query, site = call.query, call.site
    if query.dag_id_pattern is None and query.dag_id_prefix_pattern is None:
        raise invalid("dag_id_pattern", "say which DAGs; ~ is all that you may edit", where="query")
    part = slice_of(site.config, query, "dag_id")
    found, _ = dag_list.find(site.db, query, part, call.caller.readable, whose=call.caller.name)
    account = call.caller.account
    mine = [row for row in found if account is not None and account.may_edit(row.dag_id)]
    for row in mine:
        pause(site.db, site.signal, site.clock, row.dag_id, paused=call.body.is_paused)
    call.audit(
        before={row.dag_id: {"is_paused": row.paused} for row in mine},
        after={row.dag_id: {"is_paused": call.body.is_paused} for row in mine},
    )
    changed = [msgspec.structs.replace(row, paused=call.body.is_paused) for row in mine]
    return DAGCollectionResponse(dags=dag_shapes(site, changed), total_entries=len(changed))


@routes.get(_DAG, Access.DAG_READ)
def get_dag(call: Call[None, None]) -> DAGResponse:
    """Return a DAG."""
    return dag_shapes(call.site, [the_dag(call)])[0]


@routes.get(f"{_DAG}/details", Access.DAG_READ)
def get_dag_details(call: Call[None, None]) -> DAGDetailsResponse:
    """Return a DAG with what its file says."""
    row = the_dag(call)
    with call.site.db.read() as conn:
        is_favorite = favorites.has(conn, call.caller.name, row.dag_id)
    return dag_details(call.site, row, is_favorite=is_favorite)


@routes.patch(_DAG, Access.DAG_EDIT)
def patch_dag(call: Call[MaskQuery, DagPatchBody]) -> DAGResponse:
    """Pause or unpause a DAG."""
    _check_mask(call.query.update_mask)
    site, before = call.site, the_dag(call)
    pause(site.db, site.signal, site.clock, before.dag_id, paused=call.body.is_paused)
    call.audit(before={"is_paused": before.paused}, after={"is_paused": call.body.is_paused})
    return dag_shapes(site, [the_dag(call)])[0]


@routes.post(f"{_DAG}/favorite", Access.DAG_READ, status=204)
def favorite_dag(call: Call[None, None]) -> None:
    """Mark a DAG as one that the caller wants to find first."""
    dag_id = the_dag(call).dag_id
    with call.site.db.write() as conn:
        favorites.add(conn, call.caller.name, dag_id)


@routes.post(f"{_DAG}/unfavorite", Access.DAG_READ, status=204)
def unfavorite_dag(call: Call[None, None]) -> None:
    """Take that mark away."""
    dag_id = the_dag(call).dag_id
    with call.site.db.write() as conn:
        if not favorites.remove(conn, call.caller.name, dag_id):
            raise Conflict(f"DAG {dag_id!r} is not marked as a favorite")


@routes.delete(_DAG, Access.DAG_EDIT, status=200)
def delete_dag(call: Call[None, None]) -> None:
    """Remove a DAG and its history; it comes back when a file defines it."""
    remove_dag(call.site.db, the_dag(call).dag_id)


@routes.get("/api/v2/dagTags", Access.DAG_READ)
def get_dag_tags(call: Call[TagsQuery, None]) -> DAGTagCollectionResponse:
    """List the tags of DAGs."""
    query = call.query
    found, total = dag_list.tags(
        call.site.db,
        query.tag_name_pattern,
        query.tag_name_prefix_pattern,
        slice_of(call.site.config, query, "name"),
        call.caller.readable,
    )
    return DAGTagCollectionResponse(tags=found, total_entries=total)


@routes.get("/api/v2/dagStats", Access.DAG_READ)
def get_dag_stats(call: Call[StatsQuery, None]) -> DagStatsCollectionResponse:
    """Count the runs of DAGs by their state."""
    wanted = call.query.dag_ids or dags.dag_ids(call.site.db)
    ids = [dag_id for dag_id in wanted if call.caller.may_read(dag_id)]
    known = set(dags.dag_ids(call.site.db))
    counts = dag_list.run_counts(call.site.db, [dag_id for dag_id in ids if dag_id in known])
    found = [
        DagStatsResponse(
            dag_id=dag_id,
            dag_display_name=dag_id,
            stats=[
                DagStatsStateResponse(state=state, count=by_state.get(state.value, 0))
                for state in RunState
            ],
        )
        for dag_id, by_state in counts.items()
    ]
    return DagStatsCollectionResponse(dags=found, total_entries=len(found))


def the_dag(call: Call[Any, Any]) -> DagRow:
    """Return the DAG that the path names.

    Raises:
        NotFound: there is none.
    """
    dag_id = call.path["dag_id"]
    found = dags.dag(call.site.db, dag_id)
    if found is None:
        raise NotFound(f"there is no DAG {dag_id!r}")
    return found


def _check_mask(mask: list[str]) -> None:
    if mask and mask != ["is_paused"]:
        raise invalid("update_mask", "only is_paused of a DAG can be changed", mask, where="query")
