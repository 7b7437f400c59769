"""Pools of slots."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, select

from tradewind.errors import NotFound, UserError
from tradewind.model.run import Pool
from tradewind.model.spec import DEFAULT_POOL
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_replace
from tradewind.store.tables import pool as table


def all_pools(db: Database) -> list[Pool]:
    """Return every pool, by name."""
    with db.read() as conn:
        rows = conn.execute(select(table).order_by(table.c.name)).mappings().all()
    return [Pool(**row) for row in rows]


def set_pool(conn: Connection, pool: Pool) -> None:
    """Make or change a pool."""
    conn.execute(insert_or_replace(table), msgspec.structs.asdict(pool))


def delete_pool(conn: Connection, name: str) -> None:
    """Remove a pool.

    Raises:
        UserError: it is the default pool.
        NotFound: there is no such pool.
    """
    if name == DEFAULT_POOL:
        raise UserError(f"{DEFAULT_POOL} cannot be deleted; set its slots instead")
    if conn.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        raise NotFound(f"there is no pool {name!r}")
