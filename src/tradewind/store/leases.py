"""Leases: who leads, in which epoch. Judged by a counter that moves, never by a clock."""

from __future__ import annotations

import msgspec
from sqlalchemy import select, text, update

from tradewind.store.connect import Database, application_name
from tradewind.store.dialect import insert_or_ignore
from tradewind.store.tables import lease as table

SCHEDULER = "scheduler"


class Lease(msgspec.Struct, frozen=True):
    """A lease as it was read. holder "": released."""

    holder: str
    epoch: int
    counter: int


def read(db: Database, name: str) -> Lease | None:
    """Return the lease, or None when nobody ever took it."""
    with db.read() as conn:
        row = conn.execute(
            select(table.c.holder, table.c.epoch, table.c.counter).where(table.c.name == name)
        ).one_or_none()
    return Lease(row.holder, row.epoch, row.counter) if row else None


def take(db: Database, name: str, holder: str, seen: Lease | None) -> int | None:
    """Take the lease with the next epoch if it still is as it was seen.

    Returns:
        the new epoch, or None when somebody else was quicker.
    """
    with db.write() as conn:
        if seen is None:
            made = conn.execute(
                insert_or_ignore(table), {"name": name, "holder": holder, "epoch": 1, "counter": 0}
            )
            return 1 if made.rowcount == 1 else None
        changed = conn.execute(
            update(table)
            .where(
                table.c.name == name,
                table.c.epoch == seen.epoch,
                table.c.counter == seen.counter,
            )
            .values(holder=holder, epoch=seen.epoch + 1, counter=seen.counter + 1)
        )
        return seen.epoch + 1 if changed.rowcount == 1 else None


def evict(db: Database, holder: str) -> None:
    """End the database connections of a holder whose lease has lapsed.

    Who stands still in the middle of a transaction keeps its locks, and nobody could take the
    lease. What it had not committed is undone. On PostgreSQL, whose server can tell whose a
    connection is; an SQLite file has one scheduler.
    """
    if db.dialect != "postgresql" or not holder:
        return
    with db.read() as conn:
        conn.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = :name AND datname = current_database()"
                " AND usename = current_user AND pid <> pg_backend_pid()"
            ),
            {"name": application_name(holder)},
        )


def beat(db: Database, name: str, epoch: int) -> bool:
    """Move the counter; False when the lease has another epoch."""
    with db.write() as conn:
        changed = conn.execute(
            update(table)
            .where(table.c.name == name, table.c.epoch == epoch)
            .values(counter=table.c.counter + 1)
        )
        return changed.rowcount == 1


def release(db: Database, name: str, epoch: int) -> None:
    """Give the lease up, so that another need not wait for it to lapse.

    The epoch moves on: whoever held the lease commits nothing more.
    """
    with db.write() as conn:
        conn.execute(
            update(table)
            .where(table.c.name == name, table.c.epoch == epoch)
            .values(holder="", epoch=epoch + 1, counter=table.c.counter + 1)
        )
