"""What people do about assets: tell of an event, have an asset made, empty a queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tradewind.actions import asset_news
from tradewind.errors import NotFound
from tradewind.store.assets import unqueue
from tradewind.store.read import asset_list, asset_queue
from tradewind.store.read.asset_list import AssetRow
from tradewind.store.read.asset_queue import AliasFilter, AliasRow, QueuedRow, Waiting
from tradewind.web.access import Access, Forbidden
from tradewind.web.api.assets import AssetEventResponse, event_shape
from tradewind.web.api.run_shapes import DAGRunResponse, run_shapes
from tradewind.web.api.run_trigger import RunBody, trigger_by_request
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, Shape, slice_of

routes = Routes("Asset")
_ALL = "/api/v2/assets"
_OF_DAG = "/api/v2/dags/{dag_id}/assets"


class AssetEventBody(Body):
    """An event that somebody tells of."""

    asset_id: int
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    partition_key: str | None = None
    access_control: dict[str, Any] | None = None


class MaterializeBody(RunBody, kw_only=True):
    """How the run that makes an asset is to be."""

    logical_date: datetime | None = None


class BeforeQuery(msgspec.Struct, kw_only=True):
    """Only what came before this time."""

    before: datetime | None = None


class QueuedEventResponse(Shape):
    """An asset whose events wait for a DAG."""

    dag_id: str
    asset_id: int
    created_at: datetime
    dag_display_name: str


class QueuedEventCollectionResponse(Shape):
    """What waits for DAGs."""

    queued_events: list[QueuedEventResponse]
    total_entries: int


class AssetAliasResponse(Shape):
    """A name that events may come under."""

    id: int
    name: str
    group: str


class AssetAliasCollectionResponse(Shape):
    """Aliases."""

    asset_aliases: list[AssetAliasResponse]
    total_entries: int


# ---- aliases --------------------------------------------------------------------------------


@routes.get(f"{_ALL}/aliases", Access.DAG_READ)
def get_asset_aliases(call: Call[AliasFilter, None]) -> AssetAliasCollectionResponse:
    """List the aliases that DAGs name."""
    part = slice_of(call.site.config, call.query, "name")
    found, total = asset_queue.aliases(call.site.db, call.query, part, call.caller.readable)
    return AssetAliasCollectionResponse(asset_aliases=list(map(_alias, found)), total_entries=total)


@routes.get(f"{_ALL}/aliases/{{asset_alias_id}}", Access.DAG_READ)
def get_asset_alias(call: Call[None, None]) -> AssetAliasResponse:
    """Return an alias."""
    wanted = call.number("asset_alias_id")
    found = asset_queue.alias(call.site.db, wanted, call.caller.readable)
    if found is None:
        raise NotFound(f"there is no asset alias {wanted}")
    return _alias(found)


# ---- events and runs ------------------------------------------------------------------------


@routes.post(f"{_ALL}/events", Access.DAG_EDIT)
def create_asset_event(call: Call[None, AssetEventBody]) -> AssetEventResponse:
    """Tell that an asset changed; the DAGs that wait for it run."""
    body, site = call.body, call.site
    if body.partition_key is not None:
        raise invalid("partition_key", "assets have no partitions here", body.partition_key)
    asset = _asset(call, body.asset_id)
    _must_edit_all(call, asset)
    event_id = asset_news.tell(site.db, site.signal, site.clock, asset, body.extra)
    call.audit(after={"asset": asset.name, "event_id": event_id})
    return event_shape(call, asset_list.event(site.db, event_id))


def _must_edit_all(call: Call[Any, Any], asset: AssetRow) -> None:
    """Refuse who may not run every DAG that waits for an asset, those that they do not see too."""
    account, every = call.caller.account, asset_list.one(call.site.db, asset.asset_id, None)
    listening = [r.dag_id for r in every.references if r.role == "schedule"] if every else []
    if not all(account is not None and account.may_edit(dag_id) for dag_id in listening):
        raise Forbidden


@routes.post(f"{_ALL}/{{asset_id}}/materialize", Access.DAG_EDIT, repeatable=True)
def materialize_asset(call: Call[None, MaterializeBody | None]) -> DAGRunResponse:
    """Trigger the DAG that makes an asset."""
    body = call.body or MaterializeBody()
    asset = _asset(call, call.number("asset_id"))
    dag_id = asset_news.maker_of(asset)
    call.caller.require(dag_id, edit=True)
    created = trigger_by_request(call, dag_id, body, body.logical_date)
    call.audit(after={"dag_id": dag_id, "run_id": created.run_id})
    return run_shapes(call.site, [created])[0]


# ---- what waits -----------------------------------------------------------------------------


@routes.get(f"{_ALL}/{{asset_id}}/queuedEvents", Access.DAG_READ)
def get_asset_queued_events(call: Call[BeforeQuery, None]) -> QueuedEventCollectionResponse:
    """List which DAGs the events of an asset wait for."""
    asset = _asset(call, call.number("asset_id"))
    return _queued(call, Waiting(asset_id=asset.asset_id, before=call.query.before))


@routes.delete(f"{_ALL}/{{asset_id}}/queuedEvents", Access.DAG_EDIT)
def delete_asset_queued_events(call: Call[BeforeQuery, None]) -> None:
    """Let the DAGs that the caller may edit forget the events of an asset."""
    asset = _asset(call, call.number("asset_id"))
    _unqueue(call, Waiting(asset_id=asset.asset_id, before=call.query.before))


@routes.get(f"{_OF_DAG}/queuedEvents", Access.DAG_READ)
def get_dag_asset_queued_events(call: Call[BeforeQuery, None]) -> QueuedEventCollectionResponse:
    """List the assets whose events wait for a DAG."""
    return _queued(call, Waiting(dag_id=call.path["dag_id"], before=call.query.before))


@routes.delete(f"{_OF_DAG}/queuedEvents", Access.DAG_EDIT)
def delete_dag_asset_queued_events(call: Call[BeforeQuery, None]) -> None:
    """Let a DAG forget the events that wait for it."""
    _unqueue(call, Waiting(dag_id=call.path["dag_id"], before=call.query.before))


@routes.get(f"{_OF_DAG}/{{asset_id}}/queuedEvents", Access.DAG_READ)
def get_dag_asset_queued_event(call: Call[BeforeQuery, None]) -> QueuedEventResponse:
    """Return what waits of one asset for a DAG."""
    found = _queued(call, _of_both(call)).queued_events
    if not found:
        raise NotFound(
            f"no event of asset {call.path['asset_id']} waits for DAG {call.path['dag_id']!r}"
        )
    return found[0]


@routes.delete(f"{_OF_DAG}/{{asset_id}}/queuedEvents", Access.DAG_EDIT)
def delete_dag_asset_queued_event(call: Call[BeforeQuery, None]) -> None:
    """Let a DAG forget the events of one asset."""
    _unqueue(call, _of_both(call))


def _of_both(call: Call[BeforeQuery, None]) -> Waiting:
    return Waiting(
        dag_id=call.path["dag_id"],
        asset_id=call.number("asset_id"),
        before=call.query.before,
    )


def _queued(call: Call[BeforeQuery, None], wanted: Waiting) -> QueuedEventCollectionResponse:
    found = asset_queue.queued(call.site.db, wanted, call.caller.readable)
    return QueuedEventCollectionResponse(
        queued_events=list(map(_queued_shape, found)), total_entries=len(found)
    )


def _unqueue(call: Call[BeforeQuery, None], wanted: Waiting) -> None:
    account = call.caller.account
    waiting = asset_queue.queued(call.site.db, wanted, call.caller.readable)
    mine = {r.dag_id for r in waiting if account is not None and account.may_edit(r.dag_id)}
    with call.site.db.write() as conn:
        gone = unqueue(conn, mine, wanted.asset_id, wanted.before)
    if not gone:
        raise NotFound("no event waits there")
    call.audit(before={"events": gone, "dags": sorted(mine)})


def _asset(call: Call[Any, Any], asset_id: int) -> AssetRow:
    found = asset_list.one(call.site.db, asset_id, call.caller.readable)
    if found is None:
        raise NotFound(f"there is no asset {asset_id}")
    return found


def _queued_shape(row: QueuedRow) -> QueuedEventResponse:
    return QueuedEventResponse(
        dag_id=row.dag_id,
        asset_id=row.asset_id,
        created_at=row.at,
        dag_display_name=row.dag_display_name,
    )


def _alias(row: AliasRow) -> AssetAliasResponse:
    return AssetAliasResponse(id=row.alias_id, name=row.name, group="asset")
