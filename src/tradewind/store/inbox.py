"""The leader's inbox: rows in, answers back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from tradewind.store.connect import Database
from tradewind.store.tables import inbox as table
from tradewind.store.turn import InboxDone, InboxEvent


def append(
    conn: Connection, kind: str, run_pk: int | None, payload: dict[str, Any], now: datetime
) -> int:
    """Add an event within the caller's transaction and return its number."""
    seq = conn.execute(
        insert(table)
        .values(kind=kind, run_pk=run_pk, payload=payload, at=now)
        .returning(table.c.seq)
    ).scalar_one()
    return int(seq)


def append_all(
    conn: Connection, kind: str, payloads: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Add events that concern no run within the caller's transaction."""
    if payloads:
        rows = [{"kind": kind, "run_pk": None, "payload": p, "at": now} for p in payloads]
        conn.execute(insert(table), rows)


_PENDING = (
    select(table.c.seq, table.c.kind, table.c.run_pk, table.c.payload, table.c.at)
    .where(table.c.done_at.is_(None))
    .order_by(table.c.seq)
    .limit(bindparam("most"))
)


def pending(db: Database, limit: int) -> list[InboxEvent]:
    """Return events that are not done, oldest first.

    Order is by number; a transaction that took an earlier number may commit later, so the
    reader asks for all that are not done rather than for those after the last it saw.
    """
    with db.read() as conn:
        rows = conn.execute(_PENDING, {"most": limit}).all()
    return [
        InboxEvent(seq=r.seq, kind=r.kind, run_pk=r.run_pk, payload=r.payload, at=r.at)
        for r in rows
    ]


def answer(db: Database, seq: int) -> InboxDone | None:
    """Return the leader's answer to an event, or None while there is none."""
    with db.read() as conn:
        row = conn.execute(
            select(table.c.answer, table.c.error).where(
                table.c.seq == seq, table.c.done_at.is_not(None)
            )
        ).one_or_none()
    return InboxDone(seq=seq, answer=row.answer or {}, error=row.error) if row else None
