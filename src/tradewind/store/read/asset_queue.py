"""What waits for DAGs that are scheduled by assets, and the aliases that assets go by."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, select, true

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice

_queue, _event, _dag, _ref = tables.asset_queue, tables.asset_event, tables.dag, tables.asset_ref
_ID_BYTES = 6
"""48 bits: a number that JavaScript keeps whole."""


class QueuedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Events of an asset that a DAG has not consumed. at: of the latest."""

    dag_id: str
    dag_display_name: str
    asset_id: int
    at: datetime


class AliasRow(msgspec.Struct, frozen=True, kw_only=True):
    """A name that events may come under. alias_id: made of the name."""

    alias_id: int
    name: str


class AliasFilter(Page, kw_only=True):
    """Which aliases are wanted; names are the API's."""

    name_pattern: str | None = None
    name_prefix_pattern: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Which queued events are meant; None: all. before: that came before this time."""

    dag_id: str | None = None
    asset_id: int | None = None
    before: datetime | None = None


def queued(db: Database, wanted: Waiting, readable: Collection[str] | None) -> list[QueuedRow]:
    """Return what waits: an entry for each DAG and asset, as in Airflow."""
    statement = (
        select(
            _queue.c.dag_id,
            func.coalesce(_dag.c.display_name, _dag.c.dag_id).label("dag_display_name"),
            _event.c.asset_id,
            func.max(_event.c.at).label("at"),
        )
        .join(_event, _event.c.event_id == _queue.c.event_id)
        .join(_dag, _dag.c.dag_id == _queue.c.dag_id)
        .where(paging.visible(_queue.c.dag_id, readable), _concerns(wanted))
        .group_by(_queue.c.dag_id, _dag.c.display_name, _dag.c.dag_id, _event.c.asset_id)
        .order_by(_queue.c.dag_id, _event.c.asset_id)
        .limit(paging.MAX_TOTAL)
    )
    with db.read() as conn:
        return [QueuedRow(**row) for row in conn.execute(statement).mappings()]


def _concerns(wanted: Waiting) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [true()]
    if wanted.dag_id is not None:
        found.append(_queue.c.dag_id == wanted.dag_id)
    if wanted.asset_id is not None:
        found.append(_event.c.asset_id == wanted.asset_id)
    if wanted.before is not None:
        found.append(_event.c.at < wanted.before)
    return and_(*found)


# ---- aliases --------------------------------------------------------------------------------


def aliases(
    db: Database, wanted: AliasFilter, part: Slice, readable: Collection[str] | None
) -> tuple[list[AliasRow], int]:
    """Return a page of the aliases that DAGs name, and how many there are."""
    statement = _aliases(readable).where(
        paging.like(_ref.c.name, wanted.name_pattern),
        paging.begins(_ref.c.name, wanted.name_prefix_pattern),
    )
    # Their ids are made of their names: the one order is as good as the other.
    orders = {"name": _ref.c.name, "id": _ref.c.name}
    with db.read() as conn:
        counted = select(func.count()).select_from(statement.limit(paging.MAX_TOTAL).subquery())
        count = int(conn.execute(counted).scalar_one())
        found = conn.execute(paging.page(statement, part, orders, [_ref.c.name])).scalars()
        return [_alias(name) for name in found], count


def alias(db: Database, alias_id: int, readable: Collection[str] | None) -> AliasRow | None:
    """Return an alias that somebody may see."""
    with db.read() as conn:
        names = conn.execute(_aliases(readable).limit(paging.MAX_TOTAL)).scalars()
        known = [_alias(str(name)) for name in names]
    return next((found for found in known if found.alias_id == alias_id), None)


def _aliases(readable: Collection[str] | None) -> Select[tuple[str]]:
    of_them = paging.visible(_ref.c.dag_id, readable)
    return select(_ref.c.name).where(_ref.c.alias.is_(True), of_them).distinct()


def _alias(name: str) -> AliasRow:
    digest = hashlib.sha256(name.encode()).digest()[:_ID_BYTES]
    return AliasRow(alias_id=int.from_bytes(digest), name=name)
