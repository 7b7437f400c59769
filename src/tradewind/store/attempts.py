"""Attempt rows by themselves: reading one, and the compare-and-set moves of remote workers."""

from __future__ import annotations

from sqlalchemy import select

from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Attempt
from tradewind.store import rows
from tradewind.store.connect import Database
from tradewind.store.tables import attempt as table


def get(db: Database, attempt_id: AttemptId) -> Attempt | None:
    """Return one attempt."""
    with db.read() as conn:
        row = (
            conn.execute(select(table).where(table.c.attempt_id == attempt_id))
            .mappings()
            .one_or_none()
        )
    return rows.to_attempt(row) if row else None


def of_instance(db: Database, ti: TiKey) -> list[Attempt]:
    """Return every attempt of a task instance, oldest first."""
    with db.read() as conn:
        found = conn.execute(
            select(table).where(*rows.ti_is(table, ti)).order_by(table.c.fence)
        ).mappings()
        return [rows.to_attempt(row) for row in found]
