"""What tasks ask people: one, or all that wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, select

from tradewind.model.ids import TiKey
from tradewind.model.outcome import Question
from tradewind.store import rows, tables
from tradewind.store.connect import Database

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
