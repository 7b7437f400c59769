"""DAG files that somebody wants parsed again although they did not change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore
from tradewind.store.tables import parse_request as table

_MOST = 1_000
"""Taken at once; the others are taken at the next look."""


def ask(conn: Connection, path: str, now: datetime) -> None:
    """Ask for a file, named as in the catalogue; asking again changes nothing."""
    conn.execute(insert_or_ignore(table), {"path": path, "at": now})


def take(db: Database) -> list[str]:
    """Return the files that were asked for, each once."""
    with db.read() as conn:
        found = list(conn.execute(select(table.c.path).order_by(table.c.at).limit(_MOST)).scalars())
    if found:
        with db.write() as conn:
            conn.execute(delete(table).where(table.c.path.in_(found)))
    return found
