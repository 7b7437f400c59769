"""Pause and unpause DAGs."""

from __future__ import annotations

from tradewind.clock import Clock
from tradewind.store import catalog
from tradewind.store.connect import Database
from tradewind.store.signal import Signal


def pause(db: Database, signal: Signal, clock: Clock, dag_id: str, *, paused: bool) -> None:
    """Pause a DAG (what runs goes on, nothing new starts), or let it go on.

    Raises:
        NotFound: there is no such DAG.
    """
    with db.write() as conn:
        catalog.set_paused(conn, dag_id, clock.now(), paused=paused)
    signal.ring()
