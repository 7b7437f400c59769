"""XComs as people look at them. Large ones are kept elsewhere: see `shelf`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, select

from tradewind.errors import NotFound
from tradewind.model.ids import AttemptId, TiKey
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_replace
from tradewind.store.shelf import Shelf

_xcom = tables.xcom


class XCom(msgspec.Struct, frozen=True, kw_only=True):
    """An XCom without its value. kept_at: outside the database, where."""

    ti: TiKey
    key: str
    attempt_id: AttemptId
    size: int
    kept_at: str | None
    at: datetime


def listed(
    db: Database,
    run_pk: int,
    *,
    task_id: str | None = None,
    map_index: int | None = None,
    limit: int = 1_000,
    offset: int = 0,
) -> list[XCom]:
    """Return the XComs of a run, or of one task or instance, in the order of their keys."""
    names = ("run_pk", "task_id", "map_index", "key", "attempt_id", "size", "kept_at", "at")
    statement = select(*(_xcom.c[name] for name in names)).where(_xcom.c.run_pk == run_pk)
    if task_id is not None:
        statement = statement.where(_xcom.c.task_id == task_id)
    if map_index is not None:
        statement = statement.where(_xcom.c.map_index == map_index)
    ordered = statement.order_by(_xcom.c.task_id, _xcom.c.map_index, _xcom.c.key)
    with db.read() as conn:
        found = conn.execute(ordered.limit(limit).offset(offset)).all()
    return [
        XCom(
            ti=TiKey(row.run_pk, row.task_id, row.map_index),
            key=row.key,
            attempt_id=AttemptId(row.attempt_id),
            size=row.size,
            kept_at=row.kept_at,
            at=row.at,
        )
        for row in found
    ]


def value(db: Database, ti: TiKey, key: str) -> bytes:
    """Return the value of an XCom: typed JSON.

    Raises:
        NotFound: there is none.
    """
    statement = select(_xcom.c.value, _xcom.c.kept_at).where(
        *rows.ti_is(_xcom, ti), _xcom.c.key == rows.plain(key)
    )
    with db.read() as conn:
        row = conn.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"there is no XCom {key!r} of {ti.in_run}")
    return taken(db, [(row.value, row.kept_at)])[0]


def taken(db: Database, found: Sequence[tuple[bytes, str | None]]) -> list[bytes]:
    """Return values as they were pushed, fetching those that are kept elsewhere.

    Args:
        db: the database that the rows are from.
        found: (value, kept_at) of each row.
    """
    return [bytes(data) if address is None else _fetch(db, address) for data, address in found]


def _fetch(db: Database, address: str) -> bytes:
    # The address says where, even after the settings have moved new values elsewhere.
    shelf = db.shelf if db.shelf is not None else Shelf(address, 0)
    return shelf.load(address)


def put_by_hand(db: Database, ti: TiKey, key: str, value: bytes, now: datetime) -> None:
    """Write an XCom that no attempt pushed; the task's next attempt starts without it.

    Args:
        db: the database.
        ti: of which task instance.
        key: its key.
        value: plain JSON.
        now: the time.
    """
    row = {
        **rows.ti_key(ti),
        "key": rows.plain(key),
        "attempt_id": "",
        "value": value,
        "kept_at": None,
        "size": len(value),
        "at": now,
    }
    with db.write() as conn:
        conn.execute(insert_or_replace(_xcom), row)


def drop_by_hand(db: Database, ti: TiKey, key: str) -> bool:
    """Remove an XCom; False when there was none."""
    gone = delete(_xcom).where(*rows.ti_is(_xcom, ti), _xcom.c.key == rows.plain(key))
    with db.write() as conn:
        return conn.execute(gone).rowcount > 0
