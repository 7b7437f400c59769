"""The two statements that SQL has no common form for and both databases spell alike."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert, insert

# PostgreSQL's construct is used for both: SQLite took ON CONFLICT from it, word for word.


def insert_or_replace(table: Table) -> Insert:
    """Return an INSERT that replaces the row with the same primary key."""
    keys = [c.name for c in table.primary_key.columns]
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys},
    )


def insert_or_ignore(table: Table, keys: Sequence[str] | None = None) -> Insert:
    """Return an INSERT that does nothing where a row with these keys exists (None: any key).

    Its result's `rowcount` tells how many rows were new.
    """
    statement = insert(table).on_conflict_do_nothing(index_elements=keys)
    return statement.execution_options(preserve_rowcount=True)
