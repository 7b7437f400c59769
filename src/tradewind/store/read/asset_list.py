"""Assets, who makes and uses them, and their events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, exists, or_, select, true

from tradewind.errors import NotFound
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice

_asset, _ref, _event = tables.asset, tables.asset_ref, tables.asset_event
_consumed, _run = tables.asset_consumed, tables.dag_run
_MAX_REFS = 10_000


class AssetFilter(Page, kw_only=True):
    """Which assets are wanted; names are the API's."""

    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    uri_pattern: str | None = None
    uri_prefix_pattern: str | None = None
    dag_ids: list[str] = msgspec.field(default_factory=list)
    only_active: bool = True


class EventFilter(Page, kw_only=True):
    """Which asset events are wanted; names are the API's."""

    asset_id: int | None = None
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    name_pattern: str | None = None
    name_prefix_pattern: str | None = None
    timestamp_gte: datetime | None = None
    timestamp_gt: datetime | None = None
    timestamp_lte: datetime | None = None
    timestamp_lt: datetime | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a DAG says about an asset; task_id is "" for a schedule, a watcher's name."""

    dag_id: str
    role: str
    task_id: str


class AssetRow(msgspec.Struct, frozen=True, kw_only=True):
    """An asset with what DAGs say about it, and its latest event."""

    asset_id: int
    name: str
    uri: str
    group: str
    extra: dict[str, Any]
    references: tuple[Reference, ...]
    last_event_id: int | None
    last_event_at: datetime | None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An asset event with the runs that it made."""

    event_id: int
    asset_id: int
    name: str
    uri: str
    group: str
    at: datetime
    extra: dict[str, Any]
    source_dag_id: str | None
    source_run_id: str | None
    source_task_id: str | None
    source_map_index: int | None
    run_pks: tuple[int, ...] = ()


def _concerns(readable: Collection[str] | None) -> ColumnElement[bool]:
    """Match the assets that a DAG which may be read names."""
    named = exists().where(
        _ref.c.alias.is_(False),
        or_(_ref.c.name == _asset.c.name, _ref.c.name == ""),
        or_(_ref.c.uri == _asset.c.uri, _ref.c.uri == ""),
        paging.visible(_ref.c.dag_id, readable),
    )
    return true() if readable is None else named


def find(
    db: Database, wanted: AssetFilter, part: Slice, readable: Collection[str] | None
) -> tuple[list[AssetRow], int]:
    """Return a page of assets, and how many there are."""
    where = [
        paging.like(_asset.c.name, wanted.name_pattern),
        paging.begins(_asset.c.name, wanted.name_prefix_pattern),
        paging.like(_asset.c.uri, wanted.uri_pattern),
        paging.begins(_asset.c.uri, wanted.uri_prefix_pattern),
        _concerns(readable),
    ]
    if wanted.dag_ids:
        where.append(_concerns(wanted.dag_ids))
    statement = select(_asset).where(*where)
    orders = {"id": _asset.c.asset_id, "name": _asset.c.name, "uri": _asset.c.uri}
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, orders, [_asset.c.asset_id])).all()
    return [_with_references(db, row, readable) for row in found], count


def one(db: Database, asset_id: int, readable: Collection[str] | None) -> AssetRow | None:
    """Return an asset that somebody may see."""
    statement = select(_asset).where(_asset.c.asset_id == asset_id, _concerns(readable))
    with db.read() as conn:
        row = conn.execute(statement).first()
    return _with_references(db, row, readable) if row else None


def events(
    db: Database, wanted: EventFilter, part: Slice, readable: Collection[str] | None
) -> tuple[list[EventRow], int]:
    """Return a page of asset events, and how many there are."""
    statement = (
        select(_event, _asset.c.name, _asset.c.uri, _asset.c.asset_group)
        .join(_asset, _asset.c.asset_id == _event.c.asset_id)
        .where(*_event_conditions(wanted, readable))
    )
    orders = {
        "id": _event.c.event_id,
        "timestamp": _event.c.at,
        "asset_id": _event.c.asset_id,
        "source_task_id": _event.c.source_task_id,
        "source_dag_id": _event.c.source_dag_id,
        "source_run_id": _event.c.source_run_id,
        "source_map_index": _event.c.source_map_index,
    }
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, orders, [_event.c.event_id])).all()
        return _to_events(conn, found), count


def event(db: Database, event_id: int) -> EventRow:
    """Return one event.

    Raises:
        NotFound: there is none.
    """
    statement = (
        select(_event, _asset.c.name, _asset.c.uri, _asset.c.asset_group)
        .join(_asset, _asset.c.asset_id == _event.c.asset_id)
        .where(_event.c.event_id == event_id)
    )
    with db.read() as conn:
        found = _to_events(conn, conn.execute(statement).all())
    if not found:
        raise NotFound(f"there is no asset event {event_id}")
    return found[0]


def events_of_run(db: Database, run_pk: int, readable: Collection[str] | None) -> list[EventRow]:
    """Return the events that a run consumed, oldest first."""
    statement = (
        select(_event, _asset.c.name, _asset.c.uri, _asset.c.asset_group)
        .join(_asset, _asset.c.asset_id == _event.c.asset_id)
        .join(_consumed, _consumed.c.event_id == _event.c.event_id)
        .where(_consumed.c.run_pk == run_pk, *_event_conditions(EventFilter(), readable))
        .order_by(_event.c.event_id)
        .limit(_MAX_REFS)
    )
    with db.read() as conn:
        return _to_events(conn, conn.execute(statement).all())


def _to_events(conn: Connection, found: Sequence[Any]) -> list[EventRow]:
    made = conn.execute(
        select(_consumed.c.event_id, _consumed.c.run_pk).where(
            _consumed.c.event_id.in_([row.event_id for row in found])
        )
    ).all()
    return [
        EventRow(
            event_id=row.event_id,
            asset_id=row.asset_id,
            name=row.name,
            uri=row.uri,
            group=row.asset_group,
            at=row.at,
            extra=row.extra,
            source_dag_id=row.source_dag_id,
            source_run_id=row.source_run_id,
            source_task_id=row.source_task_id,
            source_map_index=row.source_map_index,
            run_pks=tuple(m.run_pk for m in made if m.event_id == row.event_id),
        )
        for row in found
    ]


def _event_conditions(
    wanted: EventFilter, readable: Collection[str] | None
) -> list[ColumnElement[bool]]:
    where = [
        paging.like(_asset.c.name, wanted.name_pattern),
        paging.begins(_asset.c.name, wanted.name_prefix_pattern),
        paging.between(_event.c.at, paging.range_of(wanted, "timestamp")),
        _concerns(readable),
    ]
    for column, value in (
        (_event.c.asset_id, wanted.asset_id),
        (_event.c.source_dag_id, wanted.source_dag_id),
        (_event.c.source_task_id, wanted.source_task_id),
        (_event.c.source_run_id, wanted.source_run_id),
        (_event.c.source_map_index, wanted.source_map_index),
    ):
        if value is not None:
            where.append(column == value)
    if readable is not None:
        where.append(
            or_(_event.c.source_dag_id.is_(None), paging.visible(_event.c.source_dag_id, readable))
        )
    return where


def _with_references(db: Database, row: Any, readable: Collection[str] | None) -> AssetRow:
    latest = (
        select(_event.c.event_id, _event.c.at)
        .where(_event.c.asset_id == row.asset_id)
        .order_by(_event.c.event_id.desc())
        .limit(1)
    )
    named = (
        select(_ref.c.dag_id, _ref.c.role, _ref.c.task_id)
        .where(
            _ref.c.alias.is_(False),
            _ref.c.name.in_(("", row.name)),
            _ref.c.uri.in_(("", row.uri)),
            paging.visible(_ref.c.dag_id, readable),
        )
        .order_by(_ref.c.dag_id, _ref.c.task_id)
        .limit(_MAX_REFS)
    )
    with db.read() as conn:
        last = conn.execute(latest).first()
        references = tuple(Reference(**r) for r in conn.execute(named).mappings())
    return AssetRow(
        asset_id=row.asset_id,
        name=row.name,
        uri=row.uri,
        group=row.asset_group,
        extra=row.extra,
        references=references,
        last_event_id=last.event_id if last else None,
        last_event_at=last.at if last else None,
    )
