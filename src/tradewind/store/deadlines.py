"""The deadlines of runs: written with the run, missed once, forgotten when they were met.

A missed deadline's row stays, with the time at which the leader saw it; its callback is owed in
the same transaction. A deadline that was met is removed with the turn in which the run succeeds.
A run that failed can still be cleared, so that its deadlines stay, as in Airflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, case, delete, insert, select, text, update

from tradewind.model.deadline import Deadline
from tradewind.model.run import Run
from tradewind.model.state import RunState
from tradewind.store import rows, tables
from tradewind.store.batch import Batch, Prepared
from tradewind.store.connect import Database
from tradewind.store.tables import OPEN
from tradewind.store.tables import deadline as table
from tradewind.store.turn import Turn

_run = tables.dag_run
_OPEN = text(OPEN)

MAX_DUE = 64
"""Deadlines of one turn; the next turn takes the next ones."""


class OpenDeadline(msgspec.Struct, frozen=True, kw_only=True):
    """A deadline that nobody has seen pass. succeeded_at: when its run did; None: it has not."""

    deadline_id: int
    run_pk: int
    position: int
    due_at: datetime
    succeeded_at: datetime | None


def insert_deadlines(conn: Connection, run: Run, deadlines: Sequence[Deadline]) -> None:
    """Write the deadlines of a run that was just inserted, within the caller's transaction.

    Args:
        conn: a writing transaction.
        run: the run, with its key.
        deadlines: their run_pk is ignored.
    """
    if deadlines:
        created_at = run.queued_at or run.run_after
        found = [_row(one) | {"run_pk": run.run_pk, "created_at": created_at} for one in deadlines]
        conn.execute(insert(table), found)


def durations_s(db: Database, dag_id: str, count: int) -> list[float]:
    """Return how long a DAG's successful runs took, the latest first."""
    with db.read() as conn:
        took = conn.execute(
            select(_run.c.started_at, _run.c.ended_at)
            .where(
                _run.c.dag_id == dag_id,
                _run.c.state == RunState.SUCCESS.value,
                _run.c.started_at.is_not(None),
                _run.c.ended_at.is_not(None),
            )
            .order_by(_run.c.run_after.desc(), _run.c.run_pk.desc())
            .limit(count)
        )
        return [(row.ended_at - row.started_at).total_seconds() for row in took]


def _row(deadline: Deadline) -> dict[str, object]:
    return {
        "position": deadline.position,
        "name": rows.plain(deadline.name),
        "due_at": deadline.due_at,
        "missed_at": None,
    }


def next_due(db: Database) -> datetime | None:
    """Return when the next deadline is that `due` will find, or None."""
    with db.read() as conn:
        return conn.execute(
            select(table.c.due_at)
            .join(_run, _run.c.run_pk == table.c.run_pk)
            .where(_OPEN)
            .order_by(table.c.due_at)
            .limit(1)
        ).scalar()


def due(db: Database, now: datetime) -> list[OpenDeadline]:
    """Return open deadlines that have passed, the earliest first."""
    with db.read() as conn:
        found = conn.execute(
            select(
                table.c.deadline_id,
                table.c.run_pk,
                table.c.position,
                table.c.due_at,
                case((_run.c.state == RunState.SUCCESS.value, _run.c.ended_at)).label(
                    "succeeded_at"
                ),
            )
            .join(_run, _run.c.run_pk == table.c.run_pk)
            .where(_OPEN, table.c.due_at <= now)
            .order_by(table.c.due_at, table.c.deadline_id)
            .limit(MAX_DUE)
        ).mappings()
        return [OpenDeadline(**row) for row in found]


# ---- within a turn ------------------------------------------------------------------------

_MISS = Prepared(
    update(table).where(table.c.deadline_id == bindparam("b_id"), _OPEN), ["missed_at"]
)
_MEET = Prepared(
    delete(table).where(
        table.c.run_pk == bindparam("b_run"),
        _OPEN,
        table.c.due_at >= bindparam("b_at", type_=table.c.due_at.type),
    )
)
_MOVE = Prepared(
    update(table).where(
        table.c.run_pk == bindparam("b_run"), table.c.position == bindparam("b_position"), _OPEN
    ),
    ["due_at"],
)


def add_deadlines(batch: Batch, turn: Turn) -> None:
    """Add what a turn says of deadlines: missed, met, and counted anew."""
    missed = [{"b_id": one, "missed_at": turn.now} for one in turn.deadlines_missed]
    batch.add("a deadline", _MISS, missed, expect=len(missed))
    met = [{"b_run": run_pk, "b_at": at} for run_pk, at in turn.deadlines_met]
    batch.add("a deadline", _MEET, met)
    moved = [
        {"b_run": d.run_pk, "b_position": d.position, "due_at": d.due_at}
        for d in turn.deadlines_moved
    ]
    batch.add("a deadline", _MOVE, moved)
