"""The code that runs are pinned to: objects of `tradewind.wire.snapshot`, kept packed.

Blobs and trees are two tables because they are pruned differently; their names are hashes, so
an object is written once and never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Table, select, update

from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore

_SLICE_BYTES = 512 * 1024
"""Objects are written in transactions of about this size: a few milliseconds each."""
_SLICE_ROWS = 100


def known_objects(db: Database, names: Sequence[str]) -> set[str]:
    """Return which of these objects are stored."""
    found: set[str] = set()
    with db.read() as conn:
        for table in (tables.blob, tables.tree):
            for start in range(0, len(names), _SLICE_ROWS):
                part = names[start : start + _SLICE_ROWS]
                found.update(
                    conn.execute(select(table.c.hash).where(table.c.hash.in_(part))).scalars()
                )
    return found


def put_blobs(db: Database, packed: Mapping[str, bytes]) -> None:
    """Store files' contents; those that are there already stay as they are."""
    for part in _slices(packed):
        _insert(db, tables.blob, [{"hash": name, "data": data} for name, data in part])


def put_trees(db: Database, packed: Mapping[str, bytes], now: datetime) -> None:
    """Store trees; those that are there already stay as they are."""
    for part in _slices(packed):
        rows = [{"hash": name, "manifest": data, "created_at": now} for name, data in part]
        _insert(db, tables.tree, rows)


def get_objects(db: Database, names: Sequence[str]) -> dict[str, bytes]:
    """Return packed objects by name; missing ones are left out (see `snapshot.Fetch`)."""
    found: dict[str, bytes] = {}
    with db.read() as conn:
        for start in range(0, len(names), _SLICE_ROWS):
            part = names[start : start + _SLICE_ROWS]
            blob, tree = tables.blob, tables.tree
            rows = conn.execute(select(blob.c.hash, blob.c.data).where(blob.c.hash.in_(part)))
            found.update((row.hash, row.data) for row in rows)
            rows = conn.execute(select(tree.c.hash, tree.c.manifest).where(tree.c.hash.in_(part)))
            found.update((row.hash, row.manifest) for row in rows)
    return found


def move_live_tree(db: Database, dag_files: Sequence[str], tree_hash: str) -> None:
    """Note that the folder of these files has a new tree, so that new runs take it.

    Versions keep the tree that they were first seen in.
    """
    table = tables.dag
    with db.write() as conn:
        for start in range(0, len(dag_files), _SLICE_ROWS):
            part = dag_files[start : start + _SLICE_ROWS]
            conn.execute(
                update(table)
                .where(table.c.dag_file.in_(part), table.c.tree_hash != tree_hash)
                .values(tree_hash=tree_hash)
            )


def _slices(packed: Mapping[str, bytes]) -> Iterator[list[tuple[str, bytes]]]:
    part: list[tuple[str, bytes]] = []
    size = 0
    for name, data in packed.items():
        part.append((name, data))
        size += len(data)
        if size >= _SLICE_BYTES or len(part) >= _SLICE_ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part


def _insert(db: Database, table: Table, rows: list[dict[str, object]]) -> None:
    with db.write() as conn:
        conn.execute(insert_or_ignore(table), rows)
