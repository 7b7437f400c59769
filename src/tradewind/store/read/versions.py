"""The versions of DAGs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import select

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice

_version = tables.dag_version


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a DAG without its tasks."""

    version_id: int
    dag_id: str
    number: int
    dag_file: str
    source_hash: str
    tree_hash: str
    created_at: datetime


_COLUMNS = [_version.c[name] for name in VersionRow.__struct_fields__]


def by_ids(db: Database, version_ids: Collection[int]) -> dict[int, VersionRow]:
    """Return versions by their keys."""
    statement = select(*_COLUMNS).where(_version.c.version_id.in_(sorted(set(version_ids))))
    with db.read() as conn:
        return {r["version_id"]: VersionRow(**r) for r in conn.execute(statement).mappings()}


def find(
    db: Database,
    dag_id: str | None,
    number: int | None,
    part: Slice,
    readable: Collection[str] | None,
) -> tuple[list[VersionRow], int]:
    """Return a page of the versions of a DAG, or of all (None), and how many there are."""
    statement = select(*_COLUMNS).where(paging.visible(_version.c.dag_id, readable))
    if dag_id is not None:
        statement = statement.where(_version.c.dag_id == dag_id)
    if number is not None:
        statement = statement.where(_version.c.number == number)
    orders = {
        "id": _version.c.version_id,
        "version_number": _version.c.number,
        "dag_id": _version.c.dag_id,
        "bundle_name": _version.c.dag_file,
        "bundle_version": _version.c.tree_hash,
    }
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, orders, [_version.c.version_id]))
        return [VersionRow(**row) for row in found.mappings()], count


def numbered(db: Database, dag_id: str, number: int) -> VersionRow | None:
    """Return a version by its number; None when there is no such version."""
    statement = select(*_COLUMNS).where(_version.c.dag_id == dag_id, _version.c.number == number)
    with db.read() as conn:
        row = conn.execute(statement).mappings().first()
    return VersionRow(**row) if row else None
