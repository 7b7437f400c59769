"""Pause a backfill, let it go on, or end it."""

from __future__ import annotations

from tradewind.clock import Clock
from tradewind.errors import Conflict
from tradewind.model.state import RunState
from tradewind.store import backfills, inbox
from tradewind.store.connect import Database
from tradewind.store.signal import Signal


def pause_or_go_on(
    db: Database, signal: Signal, clock: Clock, backfill_id: int, dag_id: str, *, paused: bool
) -> None:
    """Pause a backfill (what runs goes on, nothing new starts), or let it go on.

    Raises:
        Conflict: it was cancelled.
    """
    now = clock.now()
    with db.write() as conn:
        if not backfills.set_paused(conn, backfill_id, now, paused=paused):
            raise Conflict(f"backfill {backfill_id} has ended; start another")
        # The leader looks at the limits of a DAG's runs again.
        inbox.append(conn, "dag_changed", None, {"dag_id": dag_id}, now)
    signal.ring()


def cancel(
    db: Database, signal: Signal, clock: Clock, backfill_id: int, dag_id: str, *, actor: str
) -> None:
    """End a backfill: its runs that wait are marked failed, those that run go on (as in Airflow).

    Raises:
        Conflict: it was cancelled before.
    """
    now = clock.now()
    with db.write() as conn:
        if not backfills.complete(conn, backfill_id, now):
            raise Conflict(f"backfill {backfill_id} has ended already")
        payload = {"state": RunState.FAILED.value, "actor": actor}
        for run_pk in backfills.waiting_runs(conn, backfill_id):
            inbox.append(conn, "run_marked", run_pk, payload, now)
        inbox.append(conn, "dag_changed", None, {"dag_id": dag_id}, now)
    signal.ring()
