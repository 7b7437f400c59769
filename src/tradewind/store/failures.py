"""Say in plain words why the database did not do as asked, and whose fault it is.

Four answers exist: `Unavailable` (cannot now; try again), `ConfigError` (an operator must do
something), `Conflict` (a constraint refused: somebody else was first) and `UserError` (a value
that no row can have). Any other error of a driver is a bug of ours and is left as it is.

SQLite reports a full disk in several ways: as such when a write of its own fails, as an I/O
error or a file that cannot be opened when it may not even grow the files beside the database.
Where the file system says that it has no room left, that is the answer.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tradewind.errors import ConfigError, Conflict, TradewindError, Unavailable, UserError

_SQLITE = {
    "SQLITE_BUSY": "is locked by another program; close whatever else has the file open",
    "SQLITE_LOCKED": "is locked by another program; close whatever else has the file open",
    "SQLITE_FULL": "cannot grow: the disk is full, or a quota is used up; free some space",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error",
    "SQLITE_READONLY": "cannot be written; check the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened; check that the folder exists and may be written",
    "SQLITE_PROTOCOL": "is locked by another program; close whatever else has the file open",
    "SQLITE_NOMEM": "ran out of memory",
}
_SQLITE_NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What SQLite says when the disk is full, and at other times, too."""
_LITTLE_ROOM_BYTES = 2**20
"""A file system with less room cannot take a transaction of some size."""
_SQLITE_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

# Classes (two characters) and codes of SQLSTATE that mean "not now".
_POSTGRES_NOT_NOW = {
    "08": "the connection was lost",
    "53": "the server is out of resources",
    "58": "the server reports a system error",
    "25P03": "a transaction was idle for too long",
    "40001": "the server asked to try again",
    "40P01": "the server asked to try again",
    "55P03": "a row stayed locked for too long",
    "57014": "a statement took too long",
    "57P01": "the server is shutting down",
    "57P02": "the server is shutting down",
    "57P03": "the server is starting up",
    "25006": "the server is a read-only standby",
}
_NO_TABLES = "the database has no tables yet, or old ones; run `tradewind db migrate`"


def explain(error: Exception, sqlite_path: Path | None = None) -> TradewindError | None:
    """Return our error for one of a driver or of SQLAlchemy; None when it is a bug of ours.

    Args:
        error: what was raised.
        sqlite_path: the database's file, on SQLite: messages name it.
    """
    if isinstance(error, PoolTimeout):
        return Unavailable("the metadata database: every connection is in use")
    lost = False
    cause: BaseException | None = error
    if isinstance(error, DBAPIError):
        cause, lost = error.orig, error.connection_invalidated
    elif isinstance(error, SQLAlchemyError):
        return None
    if isinstance(cause, sqlite3.Error):
        return _explain_sqlite(cause, sqlite_path)
    if type(cause).__module__.partition(".")[0] == "psycopg":
        return _explain_postgres(cause, lost)
    return None


def full_disk(path: Path) -> str | None:
    """Return a clause that says that the disk under a file is full and where; None if it is not.

    Args:
        path: a file, which need not exist; its folder must.
    """
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return None
    # What is not a disk says 0 of 0; what cannot be written says that nothing is free.
    if not room.f_blocks or room.f_flag & os.ST_RDONLY:
        return None
    # Some file systems count no files: they say 0 of 0.
    if room.f_files and not room.f_favail:
        return f"the disk is full: {_mount_of(path)} takes no more files; remove some"
    free = room.f_bavail * room.f_frsize
    if free >= _LITTLE_ROOM_BYTES:
        return None
    size = room.f_blocks * room.f_frsize
    return (
        f"the disk is full: {free // 1024} KiB of {size // 1024} KiB are free on "
        f"{_mount_of(path)}; free some space there"
    )


def _mount_of(path: Path) -> Path:
    """Return the folder at which the file system of a file begins."""
    folder = path.parent
    while not folder.is_mount() and folder != folder.parent:
        folder = folder.parent
    return folder


def _explain_sqlite(error: sqlite3.Error, path: Path | None) -> TradewindError | None:
    database = f"the metadata database {path}" if path else "the metadata database"
    if isinstance(error, sqlite3.IntegrityError):
        return Conflict(f"the metadata database refused: {error}")
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(_SQLITE_DAMAGED):
        return ConfigError(f"{database} is not an SQLite database or is damaged; restore a backup")
    if name.startswith(_SQLITE_NO_ROOM) and path is not None:
        full = full_disk(path)
        if full is not None:
            return Unavailable(f"{database} cannot be written: {full} ({error})")
    for prefix, meaning in _SQLITE.items():
        if name.startswith(prefix):
            return Unavailable(f"{database} {meaning} ({error})")
    if str(error).startswith("no such "):
        return ConfigError(f"{_NO_TABLES} ({error})")
    return None


def _explain_postgres(error: BaseException | None, lost: bool) -> TradewindError | None:
    state: str | None = getattr(error, "sqlstate", None)
    text = _first_line(error)
    if state is None:
        # No SQLSTATE: the error arose on our side of the connection.
        if lost or type(error).__name__ in {"OperationalError", "ConnectionTimeout"}:
            return Unavailable(f"the metadata database cannot be reached: {text}")
        return None
    if state.startswith("23"):
        return Conflict(f"the metadata database refused: {text}")
    if state in {"42P01", "42703"}:
        return ConfigError(f"{_NO_TABLES} ({text})")
    if state.startswith("22"):
        # SQLite takes any value anywhere; PostgreSQL refuses a number that no row can have.
        return UserError(f"a value is none that the metadata database takes: {text}")
    if state[:2] in {"28", "3D"}:
        return ConfigError(f"the metadata database refuses the connection: {text}")
    meaning = _POSTGRES_NOT_NOW.get(state) or _POSTGRES_NOT_NOW.get(state[:2])
    if meaning is None and not lost:
        return None
    return Unavailable(f"the metadata database: {meaning or 'the connection was lost'} ({text})")


def _first_line(error: BaseException | None) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else repr(error)
