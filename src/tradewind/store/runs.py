"""Insert a run: by the leader's turn, or by a trigger (the one exception to its monopoly)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tradewind.errors import Conflict
from tradewind.model.deadline import Deadline
from tradewind.model.run import Run
from tradewind.store import rows, tables
from tradewind.store.deadlines import insert_deadlines
from tradewind.store.dialect import insert_or_ignore

_run, _queue, _consumed = tables.dag_run, tables.asset_queue, tables.asset_consumed


def insert_run(
    conn: Connection,
    run: Run,
    consumed_events: Sequence[int] = (),
    *,
    deadlines: Sequence[Deadline] = (),
    actor: str | None = None,
    now: datetime | None = None,
    trigger_key: str | None = None,
) -> Run | None:
    """Insert a run, with its event, within the caller's transaction.

    Args:
        conn: a writing transaction.
        run: its run_pk is ignored.
        consumed_events: asset events that this run consumes for its DAG.
        deadlines: by when it must have ended.
        actor: who made it; None is the run's own user or trigger.
        now: when; None is the time it was queued.
        trigger_key: the request that asks for it, by which `triggered_by_key` finds it.

    Returns:
        the run with its key, or None when its run_id or logical date exists for this DAG.

    Raises:
        Conflict: one of the events was consumed by another run of the DAG.
    """
    run_pk = conn.execute(
        insert_or_ignore(_run).returning(_run.c.run_pk),
        rows.run_row(run) | {"trigger_key": trigger_key},
    ).scalar_one_or_none()
    if run_pk is None:
        return None
    conn.execute(
        insert(tables.ti_event),
        {
            "at": now or run.queued_at or run.run_after,
            "subject": "run",
            "run_pk": run_pk,
            "to_state": run.state.value,
            "actor": actor or run.triggering_user or run.triggered_by,
        },
    )
    if consumed_events:
        _consume(conn, run.dag_id, run_pk, consumed_events)
    created = msgspec.structs.replace(run, run_pk=run_pk)
    insert_deadlines(conn, created, deadlines)
    return created


def _consume(conn: Connection, dag_id: str, run_pk: int, events: Sequence[int]) -> None:
    taken = conn.execute(
        insert_or_ignore(_consumed),
        [{"dag_id": dag_id, "event_id": event_id, "run_pk": run_pk} for event_id in events],
    )
    if taken.rowcount != len(events):
        raise Conflict(f"another run of DAG {dag_id!r} has consumed an asset event of this one")
    conn.execute(delete(_queue).where(_queue.c.dag_id == dag_id, _queue.c.event_id.in_(events)))


def find_run(conn: Connection, dag_id: str, run_id: str) -> Run | None:
    """Return a run by its names."""
    row = (
        conn.execute(select(_run).where(_run.c.dag_id == dag_id, _run.c.run_id == run_id))
        .mappings()
        .one_or_none()
    )
    return rows.to_run(row) if row else None


def triggered_by_key(conn: Connection, trigger_key: str) -> Run | None:
    """Return the run that a request made, or cleared last."""
    row = (
        conn.execute(select(_run).where(_run.c.trigger_key == trigger_key)).mappings().one_or_none()
    )
    return rows.to_run(row) if row else None


def set_trigger_key(conn: Connection, run_pk: int, trigger_key: str) -> None:
    """Note which request has a run cleared, in the transaction that orders it."""
    conn.execute(_run.update().where(_run.c.run_pk == run_pk).values(trigger_key=trigger_key))


def set_note(conn: Connection, run_pk: int, note: str | None) -> None:
    """Write or remove the note that people keep with a run."""
    conn.execute(_run.update().where(_run.c.run_pk == run_pk).values(note=rows.plain(note)))
