"""Pages of variables and connections, by what is not secret of them."""

from __future__ import annotations

from sqlalchemy import select

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.read import paging
from tradewind.store.read.paging import Slice

_variable, _connection = tables.variable, tables.connection


def variable_keys(
    db: Database, pattern: str | None, prefix: str | None, part: Slice
) -> tuple[list[str], int]:
    """Return a page of the keys of stored variables, and how many there are."""
    statement = select(_variable.c.key).where(
        paging.like(_variable.c.key, pattern), paging.begins(_variable.c.key, prefix)
    )
    orders = {
        "key": _variable.c.key,
        "id": _variable.c.key,
        "description": _variable.c.description,
        "is_encrypted": _variable.c.key,
    }
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, orders, [_variable.c.key]))
        return list(found.scalars()), count


def connection_ids(
    db: Database, pattern: str | None, prefix: str | None, part: Slice
) -> tuple[list[str], int]:
    """Return a page of the ids of stored connections, and how many there are."""
    table = _connection
    statement = select(table.c.conn_id).where(
        paging.like(table.c.conn_id, pattern), paging.begins(table.c.conn_id, prefix)
    )
    orders = {
        "connection_id": table.c.conn_id,
        "conn_id": table.c.conn_id,
        "id": table.c.conn_id,
        "conn_type": table.c.conn_type,
        "description": table.c.description,
    }
    with db.read() as conn:
        count = paging.total(conn, statement)
        found = conn.execute(paging.page(statement, part, orders, [table.c.conn_id]))
        return list(found.scalars()), count
