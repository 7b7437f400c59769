"""The DAGs that somebody wants to find first."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from tradewind.store.account_tables import favorite_dag as table
from tradewind.store.dialect import insert_or_ignore

MOST = 1_000
"""Marks that are looked at; more would find nothing first."""


def add(conn: Connection, username: str, dag_id: str) -> None:
    """Mark a DAG; marking it again changes nothing."""
    conn.execute(insert_or_ignore(table), {"username": username, "dag_id": dag_id})


def remove(conn: Connection, username: str, dag_id: str) -> bool:
    """Take the mark from a DAG; False when it had none."""
    mark = delete(table).where(table.c.username == username, table.c.dag_id == dag_id)
    return conn.execute(mark).rowcount > 0


def has(conn: Connection, username: str, dag_id: str) -> bool:
    """Tell whether a DAG is marked."""
    mark = select(table.c.dag_id).where(table.c.username == username, table.c.dag_id == dag_id)
    return conn.execute(mark).first() is not None


def of(conn: Connection, username: str) -> frozenset[str]:
    """Return the DAGs that somebody marked."""
    mark = select(table.c.dag_id).where(table.c.username == username).limit(MOST)
    return frozenset(conn.execute(mark).scalars())
