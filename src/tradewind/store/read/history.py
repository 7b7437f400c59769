"""What happened: the events of runs and tasks, and the tries of a task."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import func, select

from tradewind.model.ids import TiKey
from tradewind.model.run import Attempt
from tradewind.model.state import LIVE_ATTEMPT_STATES
from tradewind.store import rows, tables
from tradewind.store.connect import Database

_event, _run, _attempt = tables.ti_event, tables.dag_run, tables.attempt

MAX_EVENTS = 1_000
"""Events in one answer, unless asked for fewer."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change of state. subject: "run", "task" or "attempt" (the one with this fence)."""

    seq: int
    at: datetime
    subject: str
    run_pk: int
    task_id: str | None
    map_index: int | None
    fence: int | None
    try_number: int | None
    from_state: str | None
    to_state: str
    actor: str
    reason: str | None


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a task instance, as people count them.

    state: what the try came to, or where the task instance stands in it.
    attempts: all that were made for it, first to last: more than one after a loss, a
        reschedule or a deferral.
    """

    try_number: int
    state: str
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    attempts: tuple[Attempt, ...]


def newest(db: Database) -> int:
    """Return the number of the newest event, 0 without one.

    It only grows; a smaller number than was seen before means that the database went back in
    time (a restored backup, a fail-over that lost commits).
    """
    with db.read() as conn:
        return int(conn.execute(select(func.max(_event.c.seq))).scalar() or 0)


def events_after(db: Database, seq: int, limit: int = MAX_EVENTS) -> list[EventRow]:
    """Return all events after one, in order: what has changed since somebody looked."""
    with db.read() as conn:
        found = conn.execute(
            select(_event).where(_event.c.seq > seq).order_by(_event.c.seq).limit(limit)
        ).mappings()
        return [EventRow(**row) for row in found]


def events(
    db: Database,
    run_pk: int,
    *,
    task_id: str | None = None,
    map_index: int | None = None,
    limit: int = MAX_EVENTS,
    offset: int = 0,
) -> list[EventRow]:
    """Return the events of a run, or of one of its tasks or instances, oldest first."""
    statement = select(_event).where(_event.c.run_pk == run_pk)
    if task_id is not None:
        statement = statement.where(_event.c.task_id == task_id)
    if map_index is not None:
        statement = statement.where(_event.c.map_index == map_index)
    with db.read() as conn:
        found = conn.execute(
            statement.order_by(_event.c.seq).limit(limit).offset(offset)
        ).mappings()
        return [EventRow(**row) for row in found]


def tries(db: Database, ti: TiKey) -> list[Try]:
    """Return the tries of a task instance, first to last."""
    with db.read() as conn:
        attempts = [
            rows.to_attempt(row)
            for row in conn.execute(
                select(_attempt).where(*rows.ti_is(_attempt, ti)).order_by(_attempt.c.fence)
            ).mappings()
        ]
        # The last state that the task instance reached under each try's number.
        moves = conn.execute(
            select(_event.c.try_number, _event.c.to_state, _event.c.reason)
            .where(*rows.ti_is(_event, ti), _event.c.subject == "task")
            .order_by(_event.c.seq)
        ).all()
    last = {move.try_number: move for move in moves if move.to_state not in _BETWEEN_TRIES}
    by_try: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_try.setdefault(attempt.try_number, []).append(attempt)
    return [
        Try(
            try_number=number,
            state=last[number].to_state if number in last else made[-1].state.value,
            queued_at=made[0].queued_at,
            started_at=next((a.claimed_at for a in made if a.claimed_at), None),
            ended_at=None if made[-1].state in LIVE_ATTEMPT_STATES else made[-1].ended_at,
            reason=made[-1].reason or (last[number].reason if number in last else None),
            attempts=tuple(made),
        )
        for number, made in sorted(by_try.items())
    ]


_BETWEEN_TRIES = frozenset({"none", "scheduled", "removed"})
"""States in which a task instance still carries the number of the try before."""
