"""Running parts as health checks ask for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from tradewind.store import tables
from tradewind.store.components import Component
from tradewind.store.connect import Database

_MAX = 200
_part = tables.component


def alive(db: Database, kind: str, since: datetime, host: str | None = None) -> list[Component]:
    """Return the parts of a kind that beat since a time and have not stopped, latest first."""
    statement = (
        select(_part)
        .where(_part.c.kind == kind, _part.c.beat_at >= since, _part.c.stopped_at.is_(None))
        .order_by(_part.c.beat_at.desc())
        .limit(_MAX)
    )
    if host is not None:
        statement = statement.where(_part.c.host == host)
    with db.read() as conn:
        return [Component(**row) for row in conn.execute(statement).mappings()]
