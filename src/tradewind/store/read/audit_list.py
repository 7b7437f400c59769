"""The audit log with every filter of the API."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select

from tradewind.store import tables
from tradewind.store.audit import AuditEntry
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice

_audit = tables.audit


class AuditFilter(Page, kw_only=True):
    """Which entries are wanted; names are the API's."""

    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    owner: str | None = None
    event: str | None = None
    included_events: list[str] = msgspec.field(default_factory=list)
    excluded_events: list[str] = msgspec.field(default_factory=list)
    before: datetime | None = None
    after: datetime | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix_pattern: str | None = None
    owner_pattern: str | None = None
    owner_prefix_pattern: str | None = None
    event_pattern: str | None = None
    event_prefix_pattern: str | None = None


_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": _audit.c.seq,
    "event_log_id": _audit.c.seq,
    "when": _audit.c.at,
    "dttm": _audit.c.at,
    "dag_id": _audit.c.dag_id,
    "task_id": _audit.c.task_id,
    "run_id": _audit.c.run_id,
    "event": _audit.c.action,
    "owner": _audit.c.actor,
    "logical_date": _audit.c.at,
    "extra": func.length(_audit.c.action),
}


def find(
    db: Database,
    wanted: AuditFilter,
    part: Slice,
    readable: Collection[str] | None,
    *,
    all_of_it: bool,
) -> tuple[list[AuditEntry], int]:
    """Return a page of entries, and how many there are.

    Args:
        db: the database.
        wanted: the filter.
        part: the page.
        readable: only of these DAGs; None: of all.
        all_of_it: also entries that are about no DAG.
    """
    where = [*_exactly(wanted), *_roughly(wanted), visible(readable, all_of_it=all_of_it)]
    statement = select(_audit).where(*where)
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, [_audit.c.seq]))
        return [AuditEntry(**row) for row in found.mappings()], count


def one(
    db: Database, seq: int, readable: Collection[str] | None, *, all_of_it: bool
) -> AuditEntry | None:
    """Return one entry that somebody may see."""
    statement = select(_audit).where(_audit.c.seq == seq, visible(readable, all_of_it=all_of_it))
    with db.read() as conn:
        row = conn.execute(statement).mappings().first()
    return AuditEntry(**row) if row else None


def visible(readable: Collection[str] | None, *, all_of_it: bool) -> ColumnElement[bool]:
    """Match the entries that somebody may see."""
    of_dags = and_(_audit.c.dag_id.is_not(None), paging.visible(_audit.c.dag_id, readable))
    return or_(_audit.c.dag_id.is_(None), of_dags) if all_of_it else of_dags


def _exactly(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    exact = {
        _audit.c.dag_id: wanted.dag_id,
        _audit.c.task_id: wanted.task_id,
        _audit.c.run_id: wanted.run_id,
        _audit.c.map_index: wanted.map_index,
        _audit.c.actor: wanted.owner,
        _audit.c.action: wanted.event,
    }
    found = [column == value for column, value in exact.items() if value is not None]
    if wanted.included_events:
        found.append(_audit.c.action.in_(wanted.included_events))
    if wanted.excluded_events:
        found.append(_audit.c.action.not_in(wanted.excluded_events))
    if wanted.before is not None:
        found.append(_audit.c.at < wanted.before)
    if wanted.after is not None:
        found.append(_audit.c.at > wanted.after)
    return found


def _roughly(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    return [
        condition
        for column, name in (
            (_audit.c.dag_id, "dag_id"),
            (_audit.c.task_id, "task_id"),
            (_audit.c.run_id, "run_id"),
            (_audit.c.actor, "owner"),
            (_audit.c.action, "event"),
        )
        for condition in (
            paging.like(column, getattr(wanted, f"{name}_pattern")),
            paging.begins(column, getattr(wanted, f"{name}_prefix_pattern")),
        )
    ]
