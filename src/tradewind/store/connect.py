"""Open the metadata DB and hand out transactions.

SQLite: WAL with synchronous=FULL. SQLite's own waiting for a busy writer is a back-off that
starves the third writer, so every writing process first takes a blocking kernel lock on
"<file>.lock" and only then begins IMMEDIATE; whoever asks first goes first.

PostgreSQL 14+: READ COMMITTED; every wait has a bound, so that a half-open connection or a
forgotten lock cannot hang a scheduler.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from tradewind.errors import ConfigError, Unavailable

BUSY_TIMEOUT_MS = 30_000
_POSTGRES_OPTIONS = (
    "-c lock_timeout=5s -c statement_timeout=60s "
    "-c idle_in_transaction_session_timeout=60s -c timezone=UTC"
)


class Database:
    """The metadata DB. Threads may share it; processes open their own after a fork."""

    def __init__(self, engine: Engine, sqlite_path: Path | None) -> None:
        self.engine = engine
        self.sqlite_path = sqlite_path
        self._thread_lock = threading.Lock()
        self._lock_fd: int | None = None

    @property
    def dialect(self) -> str:
        """Return "sqlite" or "postgresql"."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading; what it sees is consistent on SQLite.

        Raises:
            Unavailable: the database cannot be reached.
        """
        with _plain_errors(), self.engine.connect() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a writing transaction, committed at the end of the block.

        Raises:
            Unavailable: the database cannot be reached, is locked or full; the fate of a
                commit is then unknown.
        """
        if self.sqlite_path is None:
            with _plain_errors(), self.engine.begin() as conn:
                yield conn
            return
        with self._thread_lock, self._file_lock(), _plain_errors(), self.engine.connect() as conn:
            conn.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield conn
            except BaseException:
                conn.exec_driver_sql("ROLLBACK")
                raise
            conn.exec_driver_sql("COMMIT")

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        if self._lock_fd is None:
            self._lock_fd = os.open(f"{self.sqlite_path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def open_database(url: str) -> Database:
    """Open the database of an SQLAlchemy URL; its tables may still be missing.

    Args:
        url: "sqlite:////path/to/file.db" or "postgresql://user:password@host/name".

    Raises:
        ConfigError: the URL is not right or names a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "database.sql_alchemy_conn is not a database URL; "
            "examples: sqlite:////var/lib/tradewind/tradewind.db, postgresql://user@host/name"
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _open_sqlite(parsed)
    if kind == "postgresql":
        return _open_postgres(parsed)
    raise ConfigError(f"databases of kind {kind!r} are not supported; use sqlite or postgresql")


def _open_sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "SQLite needs a file here: several processes share the database; "
            "use sqlite:////path/to/tradewind.db"
        )
    path = Path(url.database).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url.set(database=str(path)),
        poolclass=QueuePool,
        pool_size=4,
        connect_args={
            "check_same_thread": False,
            "timeout": BUSY_TIMEOUT_MS / 1000,
            "isolation_level": None,
            "cached_statements": 512,
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=OFF",
            "temp_store=MEMORY",
            "cache_size=-8000",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    return Database(engine, path)


def _open_postgres(url: URL) -> Database:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=4,
            pool_pre_ping=False,
            connect_args={
                "options": _POSTGRES_OPTIONS,
                "connect_timeout": 10,
                "keepalives_idle": 5,
                "keepalives_interval": 3,
                "keepalives_count": 3,
                "tcp_user_timeout": 15_000,
            },
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "PostgreSQL needs the extra: pip install 'tradewind[postgres]'"
        ) from error
    return Database(engine, None)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn the driver's "cannot now" errors into ours; anything else is a bug and stays."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"the metadata database: {_first_line(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(f"the metadata database: {_first_line(error)}") from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else repr(error.orig)
