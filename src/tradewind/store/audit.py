"""Who did what: one row for each thing that a person or a client asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from tradewind.store import rows
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.tables import audit as table


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done."""

    seq: int
    at: datetime
    actor: str
    action: str
    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int | None
    details: dict[str, Any]


def record(
    conn: Connection,
    action: str,
    *,
    actor: str,
    now: datetime,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
    map_index: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry within the transaction of what it tells. details: no secrets."""
    conn.execute(
        insert(table),
        {
            "at": now,
            "actor": rows.plain(actor),
            "action": action,
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": task_id,
            "map_index": map_index,
            "details": dict(details or {}),
        },
    )


def entries(
    db: Database,
    *,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
    action: str | None = None,
    actor: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[AuditEntry], int]:
    """Return entries, newest first, and how many there are: exactly, up to `paging.MAX_TOTAL`."""
    wanted = {
        "dag_id": dag_id,
        "run_id": run_id,
        "task_id": task_id,
        "action": action,
        "actor": actor,
    }
    where = [table.c[name] == value for name, value in wanted.items() if value is not None]
    with db.read() as conn:
        total = paging.total(conn, select(table.c.seq).where(*where))
        found = conn.execute(
            select(table).where(*where).order_by(table.c.seq.desc()).limit(limit).offset(offset)
        ).mappings()
        return [AuditEntry(**row) for row in found], total
