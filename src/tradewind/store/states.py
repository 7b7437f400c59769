"""What programs keep between runs, by task instance or by asset: values under keys.

A task's next try finds here what an earlier one left, such as the id of a job elsewhere; it stays
when the task is cleared. Values may have an end; after it they are as if they were not there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select

from tradewind.errors import Fenced
from tradewind.model.ids import TiKey
from tradewind.store import rows, state_tables, tables
from tradewind.store.assets import ensure_asset
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_replace
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Whose values: the table, and the columns that name the owner."""

    table: Table
    owner: dict[str, Any]

    def is_here(self) -> ColumnElement[bool]:
        """Return the condition on rows of this place."""
        return and_(*(self.table.c[name] == value for name, value in self.owner.items()))


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A value under a key. expires_at: None keeps it as long as its owner."""

    key: str
    value: Any
    expires_at: datetime | None
    updated_at: datetime
    updated_by: dict[str, Any] | None = None


def asset_called(conn: Connection, name: str, uri: str, *, make: bool = False) -> Place | None:
    """Return where the values of an asset are kept, by its name, its URI or both.

    Args:
        conn: a transaction; a writing one for `make`.
        name: "" for any.
        uri: "" for any.
        make: make the asset's row when there is none and both are given.
    """
    asset = tables.asset
    wanted = [asset.c[key] == value for key, value in (("name", name), ("uri", uri)) if value]
    found = conn.execute(select(asset.c.asset_id).where(*wanted).limit(1)).scalar()
    if found is None and make and name and uri:
        found = ensure_asset(conn, name, uri)
    return None if found is None else of_asset(found)


def must_run(conn: Connection, attempt_id: str, nonce: str) -> None:
    """Refuse a write for an attempt that is no longer current.

    Raises:
        Fenced: it has ended, or is another's.
    """
    attempt = tables.attempt
    held = select(attempt.c.attempt_id).where(
        attempt.c.attempt_id == attempt_id, attempt.c.nonce == nonce, attempt.c.state == "running"
    )
    if conn.execute(held.with_for_update(read=True)).first() is None:
        raise Fenced


def of_task(ti: TiKey) -> Place:
    """Return where a task instance keeps its values."""
    return Place(table=state_tables.task_state, owner=rows.ti_key(ti))


def of_asset(asset_id: int) -> Place:
    """Return where the values of an asset are kept."""
    return Place(table=state_tables.asset_state, owner={"asset_id": asset_id})


def find(
    db: Database, place: Place, now: datetime, part: Slice, key: str | None = None
) -> tuple[list[Kept], int]:
    """Return a page of what is kept (key: only that), and how much there is."""
    table = place.table
    alive = or_(table.c.expires_at.is_(None), table.c.expires_at > now)
    names = [table.c[name] for name in Kept.__struct_fields__ if name in table.c]
    statement = select(*names).where(place.is_here(), alive)
    if key is not None:
        statement = statement.where(table.c.key == key)
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, {"key": table.c.key}, [table.c.key]))
        return [Kept(**row) for row in found.mappings()], count


def put(
    conn: Connection,
    place: Place,
    key: str,
    value: Any,
    now: datetime,
    expires_at: datetime | None = None,
    by: dict[str, Any] | None = None,
) -> None:
    """Keep a value within the caller's transaction; what has expired there goes.

    Args:
        conn: a writing transaction.
        place: whose value.
        key: its name.
        value: JSON.
        now: the time.
        expires_at: after this it is as if it were not there.
        by: who keeps it; shown of an asset's.
    """
    table = place.table
    conn.execute(delete(table).where(place.is_here(), table.c.expires_at <= now))
    row = {"key": key, "value": value, "expires_at": expires_at, "updated_at": now}
    if "updated_by" in table.c:
        row["updated_by"] = by
    conn.execute(insert_or_replace(table), {**place.owner, **row})


def drop(conn: Connection, place: Place, key: str | None = None) -> int:
    """Remove a value, or all; return how many there were."""
    here = place.is_here()
    named = here if key is None else and_(here, place.table.c.key == key)
    return conn.execute(delete(place.table).where(named)).rowcount
