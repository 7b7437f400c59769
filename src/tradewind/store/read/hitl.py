"""What tasks ask people: one, or all that wait."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Text, cast, or_, select, true

from tradewind.model.ids import TiKey
from tradewind.model.outcome import Question
from tradewind.store import rows, tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Page, Slice

_hitl, _ti, _run = tables.hitl_detail, tables.task_instance, tables.dag_run

MAX_QUESTIONS = 1_000
"""Questions of one answer."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question with its answer, if there is one.

    state: of the task instance; a question waits while it is "awaiting_input".
    """

    ti: TiKey
    fence: int
    dag_id: str
    run_id: str
    state: str
    question: Question
    created_at: datetime
    timeout_at: datetime | None
    responded_at: datetime | None
    responded_by: dict[str, str] | None
    chosen_options: tuple[str, ...] | None
    params_input: dict[str, Any]

    @property
    def waits(self) -> bool:
        """Tell whether an answer is still wanted."""
        return self.state == "awaiting_input" and self.responded_at is None


class AskedFilter(Page, kw_only=True):
    """Which questions are wanted; names are the API's."""

    dag_id_pattern: str | None = None
    dag_id_prefix_pattern: str | None = None
    task_id: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix_pattern: str | None = None
    map_index: int | None = None
    state: list[str] = msgspec.field(default_factory=list)
    response_received: bool | None = None
    responded_by_user_id: list[str] = msgspec.field(default_factory=list)
    responded_by_user_name: list[str] = msgspec.field(default_factory=list)
    subject_search: str | None = None
    body_search: str | None = None
    created_at_gte: datetime | None = None
    created_at_gt: datetime | None = None
    created_at_lte: datetime | None = None
    created_at_lt: datetime | None = None


_ORDERS: dict[str, ColumnElement[Any]] = {
    "ti_id": _hitl.c.run_pk,
    "subject": _hitl.c.subject,
    "responded_at": _hitl.c.responded_at,
    "created_at": _hitl.c.created_at,
    "responded_by_user_id": _hitl.c.responded_by,
    "responded_by_user_name": _hitl.c.responded_by,
    "dag_id": _run.c.dag_id,
    "run_id": _run.c.run_id,
    "task_display_name": _hitl.c.task_id,
    "run_after": _run.c.run_after,
    "rendered_map_index": _hitl.c.map_index,
    "task_instance_state": _ti.c.state,
}

_SELECT = (
    select(_hitl, _run.c.dag_id, _run.c.run_id, _ti.c.state)
    .join(_run, _run.c.run_pk == _hitl.c.run_pk)
    .join(
        _ti,
        (_ti.c.run_pk == _hitl.c.run_pk)
        & (_ti.c.task_id == _hitl.c.task_id)
        & (_ti.c.map_index == _hitl.c.map_index),
    )
)


def asked(db: Database, ti: TiKey) -> Asked | None:
    """Return what a task instance asked last, or None."""
    with db.read() as conn:
        row = conn.execute(_SELECT.where(*rows.ti_is(_hitl, ti))).mappings().one_or_none()
    return _to_asked(row) if row else None


def waiting(db: Database, dag_id: str | None = None, limit: int = MAX_QUESTIONS) -> list[Asked]:
    """Return the questions that wait for an answer, oldest first."""
    query = _SELECT.where(_ti.c.state == "awaiting_input", _hitl.c.responded_at.is_(None))
    if dag_id is not None:
        query = query.where(_run.c.dag_id == dag_id)
    with db.read() as conn:
        found = conn.execute(query.order_by(_hitl.c.created_at).limit(limit)).mappings().all()
    return [_to_asked(row) for row in found]


def find(
    db: Database,
    wanted: AskedFilter,
    part: Slice,
    readable: Collection[str] | None,
    *,
    dag_ids: Collection[str] | None = None,
    run_id: str | None = None,
) -> tuple[list[Asked], int]:
    """Return a page of questions, answered or not, and how many there are.

    Args:
        db: the database.
        wanted: the filter.
        part: the page.
        readable: the DAGs that whoever asks may see; None: all.
        dag_ids: only of these; None: of all.
        run_id: only of runs with this id.

    Raises:
        BadOrder: questions cannot be ordered so.
    """
    statement = _SELECT.where(paging.visible(_run.c.dag_id, readable), *_where(wanted))
    if dag_ids is not None:
        statement = statement.where(_run.c.dag_id.in_(sorted(dag_ids)))
    if run_id is not None:
        statement = statement.where(_run.c.run_id == run_id)
    ties = [_hitl.c.run_pk, _hitl.c.task_id, _hitl.c.map_index]
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, _ORDERS, ties)).mappings()
        return [_to_asked(row) for row in found], count


def _where(wanted: AskedFilter) -> list[ColumnElement[bool]]:
    found = [
        paging.like(_run.c.dag_id, wanted.dag_id_pattern),
        paging.begins(_run.c.dag_id, wanted.dag_id_prefix_pattern),
        paging.like(_hitl.c.task_id, wanted.task_id_pattern),
        paging.begins(_hitl.c.task_id, wanted.task_id_prefix_pattern),
        paging.like(_hitl.c.subject, wanted.subject_search),
        paging.like(_hitl.c.body, wanted.body_search),
        paging.between(_hitl.c.created_at, paging.range_of(wanted, "created_at")),
        _by(wanted.responded_by_user_id, "id"),
        _by(wanted.responded_by_user_name, "name"),
    ]
    if wanted.task_id is not None:
        found.append(_hitl.c.task_id == wanted.task_id)
    if wanted.map_index is not None:
        found.append(_hitl.c.map_index == wanted.map_index)
    if wanted.state:
        found.append(_ti.c.state.in_(["none" if s == "null" else s for s in wanted.state]))
    if wanted.response_received is not None:
        answered = _hitl.c.responded_at.is_not(None)
        found.append(answered if wanted.response_received else ~answered)
    return found


def _by(values: Collection[str], field: str) -> ColumnElement[bool]:
    """Match answers of these people, by a field of how an answer's author is written."""
    if not values:
        return true()
    text = cast(_hitl.c.responded_by, Text)
    fragments = [msgspec.json.encode({field: value}).decode()[1:-1] for value in values]
    return or_(*(text.contains(fragment, autoescape=True) for fragment in fragments))


def _to_asked(row: RowMapping) -> Asked:
    defaults, chosen = row["defaults"], row["chosen_options"]
    return Asked(
        ti=TiKey(row["run_pk"], row["task_id"], row["map_index"]),
        fence=row["fence"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        state=row["state"] or "",
        question=Question(
            subject=row["subject"],
            body=row["body"],
            options=tuple(row["options"]),
            defaults=None if defaults is None else tuple(defaults),
            multiple=row["multiple"],
            params=row["params"],
            assigned_users=tuple(row["assigned_users"]),
        ),
        created_at=row["created_at"],
        timeout_at=row["timeout_at"],
        responded_at=row["responded_at"],
        responded_by=row["responded_by"],
        chosen_options=None if chosen is None else tuple(chosen),
        params_input=row["params_input"],
    )
