"""Notes that people write to task instances. They stay when the task runs again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select

from tradewind.model.ids import TiKey
from tradewind.store import rows
from tradewind.store.account_tables import task_note as table
from tradewind.store.dialect import insert_or_replace


def write(
    conn: Connection, keys: Sequence[TiKey], note: str | None, *, actor: str, now: datetime
) -> None:
    """Write the note of task instances within the caller's transaction. note: None removes it."""
    for key in keys:
        if note is None:
            conn.execute(delete(table).where(*rows.ti_is(table, key)))
            continue
        row = {"note": rows.plain(note), "username": rows.plain(actor), "at": now}
        conn.execute(insert_or_replace(table), {**rows.ti_key(key), **row})


def note(conn: Connection, key: TiKey) -> str | None:
    """Return the note of a task instance, or None."""
    found: str | None = conn.execute(
        select(table.c.note).where(*rows.ti_is(table, key))
    ).scalar_one_or_none()
    return found
