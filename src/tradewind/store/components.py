"""Running parts (scheduler, processor, …) and their latest sign of life, for health checks."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import insert, select, update

from tradewind.store.connect import Database
from tradewind.store.tables import component as table


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One incarnation of a part; a restart is a new one."""

    component_id: str
    kind: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None
    executors: dict[str, dict[str, str]] | None = None
    """A scheduler's: what keeps each of its executors from its work, by place."""


def register(
    db: Database, kind: str, now: datetime, *, host: str | None = None, pid: int | None = None
) -> str:
    """Announce a part and return its id.

    Args:
        db: the database.
        kind: "scheduler", "triggerer", …
        now: the time.
        host: where it runs, when it is not this process (it has no database of its own).
        pid: its process.
    """
    component_id = uuid.uuid4().hex
    with db.write() as conn:
        conn.execute(
            insert(table).values(
                component_id=component_id,
                kind=kind,
                host=host or socket.gethostname(),
                pid=os.getpid() if pid is None else pid,
                started_at=now,
                beat_at=now,
            )
        )
    return component_id


def beat(
    db: Database,
    component_id: str,
    now: datetime,
    executors: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Note a sign of life.

    Args:
        db: the database.
        component_id: whose.
        now: the time.
        executors: what keeps a scheduler's executors from their work, by executor and place.
    """
    values = {"beat_at": now} if executors is None else {"beat_at": now, "executors": executors}
    with db.write() as conn:
        conn.execute(update(table).where(table.c.component_id == component_id).values(values))


def stop(db: Database, component_id: str, now: datetime) -> None:
    """Note an orderly end."""
    with db.write() as conn:
        conn.execute(
            update(table).where(table.c.component_id == component_id).values(stopped_at=now)
        )


def latest(db: Database, kind: str) -> Component | None:
    """Return the incarnation of a kind that beat last."""
    with db.read() as conn:
        row = (
            conn.execute(
                select(table).where(table.c.kind == kind).order_by(table.c.beat_at.desc()).limit(1)
            )
            .mappings()
            .one_or_none()
        )
    return Component(**row) if row else None


def running(db: Database, since: datetime) -> list[Component]:
    """Return the parts that have not stopped and have beaten since a time, latest first."""
    statement = (
        select(table)
        .where(table.c.stopped_at.is_(None), table.c.beat_at >= since)
        .order_by(table.c.beat_at.desc())
    )
    with db.read() as conn:
        return [Component(**row) for row in conn.execute(statement).mappings()]
