"""Write the whole database to files and read it back: for keeping, looking, and moving house.

One file of JSON lines for each table, the same whichever database it comes from, so that an
SQLite installation can move to PostgreSQL. Times are ISO 8601, bytes base64. Sealed values
(variables, connections) stay sealed: who reads them back needs the same encryption keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from tradewind.errors import ConfigError, UserError
from tradewind.store import migrate, tables
from tradewind.store.column_types import UtcTime
from tradewind.store.connect import Database

SLICE_ROWS = 500
_ABOUT = "about.json"
_LEFT_OUT = frozenset({"lease", "component", "kept_answer", "connection_test"})
"""Who runs right now, and what was answered to whom: of no use elsewhere."""

Progress = Callable[[str, int], None]
"""Told the table and the number of rows so far."""


def export(db: Database, folder: Path, progress: Progress | None = None) -> dict[str, int]:
    """Write every table to a folder, as of one moment.

    Returns:
        the number of rows by table.

    Raises:
        UserError: the folder is not empty or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; export to a new folder")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    counts: dict[str, int] = {}
    with db.snapshot() as conn:
        if db.dialect == "postgresql":
            conn.execute(text("SET TRANSACTION READ ONLY"))
            conn.execute(text("SET LOCAL statement_timeout = 0"))
        for table in _tables():
            counts[table.name] = _export_table(conn, table, folder, progress)
    about = {"revision": migrate.HEAD, "rows": counts}
    (folder / _ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)) + b"\n")
    return counts


def load(db: Database, folder: Path, progress: Progress | None = None) -> dict[str, int]:
    """Fill an empty, migrated database from an export.

    Returns:
        the number of rows by table.

    Raises:
        UserError: the folder is no export, or one of another revision.
        ConfigError: the database is not migrated, or not empty.
    """
    migrate.check(db)
    try:
        about = msgspec.json.decode((folder / _ABOUT).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{folder} is not an export of Tradewind") from error
    if about["revision"] != migrate.HEAD:
        raise UserError(
            f"{folder} was written at revision {about['revision']}, this Tradewind is at "
            f"{migrate.HEAD}; read it with the version that wrote it, then migrate"
        )
    with db.read() as conn:
        if conn.execute(select(tables.dag_run.c.run_pk).limit(1)).first() is not None:
            raise ConfigError("the database is not empty; load into a new one")
    with db.write() as conn:
        conn.execute(tables.pool.delete())
    counts = {table.name: _load_table(db, table, folder, progress) for table in _tables()}
    if db.dialect == "postgresql":
        with db.write() as conn:
            for table in _tables():
                _move_sequence(conn, table)
    return counts


def _tables() -> list[Table]:
    return [t for t in tables.metadata.sorted_tables if t.name not in _LEFT_OUT]


def _export_table(conn: Connection, table: Table, folder: Path, progress: Progress | None) -> int:
    count = 0
    rows = conn.execution_options(stream_results=True, yield_per=SLICE_ROWS).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    with (folder / f"{table.name}.jsonl").open("wb") as handle:
        for part in rows.mappings().partitions():
            for row in part:
                handle.write(msgspec.json.encode({**row}))
                handle.write(b"\n")
            count += len(part)
            if progress is not None:
                progress(table.name, count)
    return count


def _load_table(db: Database, table: Table, folder: Path, progress: Progress | None) -> int:
    count = 0
    for part in _parts(folder / f"{table.name}.jsonl", table):
        with db.write() as conn:
            conn.execute(insert(table), part)
        count += len(part)
        if progress is not None:
            progress(table.name, count)
    return count


def _parts(path: Path, table: Table) -> Iterator[list[dict[str, Any]]]:
    kinds: dict[str, Any] = {}
    for column in table.columns:
        if isinstance(column.type, UtcTime):
            kinds[column.name] = datetime
        elif isinstance(column.type, LargeBinary):
            kinds[column.name] = bytes
    part: list[dict[str, Any]] = []
    with path.open("rb") as handle:
        for line in handle:
            row: dict[str, Any] = msgspec.json.decode(line)
            for name, kind in kinds.items():
                if row[name] is not None:
                    row[name] = msgspec.convert(row[name], kind)
            part.append(row)
            if len(part) == SLICE_ROWS:
                yield part
                part = []
    if part:
        yield part


def _move_sequence(conn: Connection, table: Table) -> None:
    """Let the next key follow the greatest one that was loaded."""
    key = table.autoincrement_column
    if key is None:
        return
    greatest = conn.execute(select(func.max(key))).scalar()
    if greatest is not None:
        conn.execute(
            select(func.setval(func.pg_get_serial_sequence(table.name, key.name), greatest))
        )
