"""Tests of connections that somebody waits for: known by a token, gone after an hour.

Any API server answers how a test went, whichever one does it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from tradewind.store import rows
from tradewind.store.account_tables import connection_test as table
from tradewind.store.connect import Database

KEPT_FOR = timedelta(hours=1)


class ConnectionTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test. works: None while it is tried."""

    conn_id: str
    at: datetime
    works: bool | None
    message: str | None


def begin(conn: Connection, token: str, conn_id: str, now: datetime) -> None:
    """Note a test within the caller's transaction; old ones go."""
    conn.execute(delete(table).where(table.c.at < now - KEPT_FOR))
    row = {"token_hash": _hash(token), "conn_id": conn_id, "at": now}
    conn.execute(insert(table), row)


def pending(conn: Connection, since: datetime) -> int:
    """Return how many tests that began since a time have not ended."""
    going = select(func.count()).where(table.c.works.is_(None), table.c.at >= since)
    return int(conn.execute(going).scalar_one())


def finish(conn: Connection, token: str, message: str, *, works: bool) -> None:
    """Note how a test ended."""
    named = update(table).where(table.c.token_hash == _hash(token))
    conn.execute(named.values(works=works, message=rows.plain(message)))


def find(db: Database, token: str) -> ConnectionTest | None:
    """Return the test of a token; None when there is none."""
    names = (table.c[name] for name in ConnectionTest.__struct_fields__)
    with db.read() as conn:
        row = conn.execute(select(*names).where(table.c.token_hash == _hash(token))).mappings()
        found = row.first()
    return ConnectionTest(**found) if found else None


def _hash(token: str) -> str:
    # Who reads the table cannot ask in somebody else's name.
    return hashlib.sha256(token.encode()).hexdigest()
