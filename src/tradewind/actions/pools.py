"""Make, change and remove pools; the leader is told."""

from __future__ import annotations

from tradewind.clock import Clock
from tradewind.model.run import Pool
from tradewind.store import inbox, pools
from tradewind.store.connect import Database
from tradewind.store.signal import Signal


def set_pool(db: Database, signal: Signal, clock: Clock, pool: Pool) -> None:
    """Make or change a pool."""
    with db.write() as conn:
        pools.set_pool(conn, pool)
        inbox.append(conn, "pools_changed", None, {}, clock.now())
    signal.ring()


def delete_pool(db: Database, signal: Signal, clock: Clock, name: str) -> None:
    """Remove a pool.

    Raises:
        UserError: it is the default pool.
        NotFound: there is no such pool.
    """
    with db.write() as conn:
        pools.delete_pool(conn, name)
        inbox.append(conn, "pools_changed", None, {}, clock.now())
    signal.ring()
