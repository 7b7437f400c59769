"""Assets and their events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from tradewind.errors import NotFound
from tradewind.model.run import Run
from tradewind.store.read import asset_list, scheduling
from tradewind.store.read.asset_list import AssetFilter, AssetRow, EventFilter, EventRow
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, slice_of

routes = Routes("Asset")
_ALL = "/api/v2/assets"
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""When an asset was first named is not kept; clients want a time."""


class DagReference(Shape):
    """A DAG that is scheduled by an asset."""

    dag_id: str
    created_at: datetime
    updated_at: datetime


class TaskReference(Shape):
    """A task that makes or reads an asset."""

    dag_id: str
    task_id: str
    created_at: datetime
    updated_at: datetime


class LastAssetEventResponse(Shape):
    """The latest event of an asset."""

    id: int | None
    timestamp: datetime | None


class AssetWatcherResponse(Shape):
    """A trigger whose events are events of an asset. trigger_id: made of the names."""

    name: str
    trigger_id: int
    created_date: datetime


class AssetResponse(Shape):
    """An asset."""

    id: int
    name: str
    uri: str
    group: str
    extra: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    scheduled_dags: list[DagReference]
    producing_tasks: list[TaskReference]
    consuming_tasks: list[TaskReference]
    aliases: list[dict[str, Any]]
    watchers: list[AssetWatcherResponse]
    last_asset_event: LastAssetEventResponse | None


class AssetCollectionResponse(Shape):
    """Assets."""

    assets: list[AssetResponse]
    total_entries: int


class RunReference(Shape):
    """A run that an asset event made."""

    run_id: str
    dag_id: str
    logical_date: datetime | None
    start_date: datetime
    end_date: datetime | None
    state: str
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    partition_key: str | None
    triggering: bool


class AssetEventResponse(Shape):
    """An asset event."""

    id: int
    asset_id: int
    uri: str
    name: str
    group: str
    extra: dict[str, Any]
    source_task_id: str | None
    source_dag_id: str | None
    source_run_id: str | None
    source_map_index: int
    created_dagruns: list[RunReference]
    timestamp: datetime
    partition_key: str | None


class AssetEventCollectionResponse(Shape):
    """Asset events."""

    asset_events: list[AssetEventResponse]
    total_entries: int


@routes.get(_ALL, Access.DAG_READ)
def get_assets(call: Call[AssetFilter, None]) -> AssetCollectionResponse:
    """List assets."""
    part = slice_of(call.site.config, call.query, "id")
    found, total = asset_list.find(call.site.db, call.query, part, call.caller.readable)
    return AssetCollectionResponse(assets=list(map(_asset, found)), total_entries=total)


@routes.get(f"{_ALL}/events", Access.DAG_READ)
def get_asset_events(call: Call[EventFilter, None]) -> AssetEventCollectionResponse:
    """List the events of assets."""
    part = slice_of(call.site.config, call.query, "timestamp")
    found, total = asset_list.events(call.site.db, call.query, part, call.caller.readable)
    return AssetEventCollectionResponse(
        asset_events=[event_shape(call, row) for row in found], total_entries=total
    )


@routes.get(f"{_ALL}/{{asset_id}}", Access.DAG_READ)
def get_asset(call: Call[None, None]) -> AssetResponse:
    """Return an asset."""
    wanted = call.number("asset_id")
    found = asset_list.one(call.site.db, wanted, call.caller.readable)
    if found is None:
        raise NotFound(f"there is no asset {wanted}")
    return _asset(found)


def _asset(row: AssetRow) -> AssetResponse:
    changed = row.last_event_at or _UNKNOWN

    def tasks(role: str) -> list[TaskReference]:
        return [
            TaskReference(
                dag_id=r.dag_id, task_id=r.task_id, created_at=_UNKNOWN, updated_at=_UNKNOWN
            )
            for r in row.references
            if r.role == role
        ]

    return AssetResponse(
        id=row.asset_id,
        name=row.name,
        uri=row.uri,
        group=row.group,
        extra=row.extra,
        created_at=_UNKNOWN,
        updated_at=changed,
        scheduled_dags=[
            DagReference(dag_id=r.dag_id, created_at=_UNKNOWN, updated_at=_UNKNOWN)
            for r in row.references
            if r.role == "schedule"
        ],
        producing_tasks=tasks("outlet"),
        consuming_tasks=tasks("inlet"),
        aliases=[],
        watchers=[
            AssetWatcherResponse(
                name=name,
                trigger_id=crc32(f"{row.name}\x1f{row.uri}\x1f{name}".encode()),
                created_date=_UNKNOWN,
            )
            for name in sorted({r.task_id for r in row.references if r.role == "watcher"})
        ],
        last_asset_event=LastAssetEventResponse(id=row.last_event_id, timestamp=row.last_event_at),
    )


def event_shape(call: Call[Any, Any], row: EventRow) -> AssetEventResponse:
    """Return an asset event as the API shows it."""
    made = [scheduling.run(call.site.db, run_pk) for run_pk in row.run_pks]
    return AssetEventResponse(
        id=row.event_id,
        asset_id=row.asset_id,
        uri=row.uri,
        name=row.name,
        group=row.group,
        extra=row.extra,
        source_task_id=row.source_task_id,
        source_dag_id=row.source_dag_id,
        source_run_id=row.source_run_id,
        source_map_index=-1 if row.source_map_index is None else row.source_map_index,
        created_dagruns=[
            _run(run) for run in made if run is not None and call.caller.may_read(run.dag_id)
        ],
        timestamp=row.at,
        partition_key=None,
    )


def _run(run: Run) -> RunReference:
    return RunReference(
        run_id=run.run_id,
        dag_id=run.dag_id,
        logical_date=run.logical_date,
        start_date=run.started_at or run.run_after,
        end_date=run.ended_at,
        state=run.state.value,
        data_interval_start=run.interval_start,
        data_interval_end=run.interval_end,
        partition_key=None,
        triggering=True,
    )
