"""Open the metadata DB and hand out transactions.

SQLite: WAL with synchronous=FULL. Readers have a snapshot and never wait; writers queue on a
kernel lock (see `filelock`) and then begin IMMEDIATE.

PostgreSQL 14+: READ COMMITTED; every wait has a bound, so that a half-open connection or a
forgotten lock cannot hang a scheduler.

Driver errors leave here as ours (see `failures`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import QueuePool

from tradewind.errors import ConfigError, TradewindError
from tradewind.store.failures import explain
from tradewind.store.filelock import FileLock
from tradewind.store.kept import KeptConnections, is_quiet
from tradewind.store.shelf import Shelf

T = TypeVar("T")

READERS = 4
"""Connections kept open; more are opened for a burst and closed after it."""
_BUSY_S = 5.0
"""Who holds the file lock meets only foreign programs; they get this long."""
_CACHE_KIB = 8_000
_MEMO_SIZE = 128
_LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps."""
_POSTGRES_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    # Who stands still in the middle of a transaction must not keep a standby from going on.
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
    "default_transaction_isolation": r"read\ committed",
}
_KEEPALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class Database:
    """The metadata DB. Threads may share it."""

    def __init__(self, engine: Engine, sqlite_path: Path | None) -> None:
        self.engine = engine
        self.sqlite_path = sqlite_path
        self.dialect = engine.dialect.name
        self.shelf: Shelf | None = None
        """Where large XComs are kept; None: all in the database."""
        self._lock: FileLock | None = None
        if sqlite_path is not None:
            self._lock = FileLock(sqlite_path.with_name(sqlite_path.name + ".lock"))
        self._kept = KeptConnections(engine)
        # A statement of its own takes one round trip there, a transaction around it three.
        self._reader = (
            engine
            if sqlite_path is not None
            else engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._memo: dict[object, Any] = {}
        self._memo_lock = threading.Lock()
        _open_databases.add(self)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading.

        On SQLite all of the block sees one snapshot; on PostgreSQL each statement has its own,
        and no transaction is open.

        Raises:
            Unavailable: the database cannot be reached now.
            ConfigError: its tables are missing.
        """
        with _explained(self.sqlite_path), self._reader.connect() as conn:
            if self._lock is not None:
                # Ended by the rollback with which a connection goes back to the pool.
                _begin(conn, "BEGIN")
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection for reading, all of whose statements see the same moment.

        Raises:
            Unavailable, ConfigError: as in `read`.
        """
        if self._lock is not None:
            with self.read() as conn:
                yield conn
            return
        steady = self.engine.execution_options(isolation_level="REPEATABLE READ")
        with _explained(self.sqlite_path), steady.connect() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a writing transaction, committed at the end of the block.

        Raises:
            Unavailable: the database cannot be reached, is locked or full; the fate of a
                commit is then unknown.
            Conflict: a constraint refused a row; nothing was written.
            ConfigError: its tables are missing.
        """
        if self._lock is None:
            with _explained(self.sqlite_path), self.engine.begin() as conn:
                yield conn
            return
        with self._lock.held(), _explained(self.sqlite_path), self.engine.begin() as conn:
            _begin(conn, "BEGIN IMMEDIATE")
            yield conn

    @contextmanager
    def turn(self) -> Iterator[Any]:
        """Yield the driver's connection in a writing transaction, committed after the block.

        For the hot path: like `write`, without the toolkit between, and on a connection that is
        kept. No other transaction may be begun in the block.

        Raises:
            Unavailable: as in `write`; the fate of a commit is then unknown.
            Conflict: a constraint refused a row; nothing was written.
            ConfigError: its tables are missing.
        """
        lock = self._lock.held() if self._lock is not None else nullcontext()
        with lock, _explained(self.sqlite_path), self._kept.transaction() as raw:
            yield raw

    def memo(self, key: object, load: Callable[[], T]) -> T:
        """Return what `load` gave for this key before: for rows that never change."""
        with self._memo_lock:
            if key in self._memo:
                found: T = self._memo[key]
                return found
        loaded = load()
        with self._memo_lock:
            while len(self._memo) >= _MEMO_SIZE:
                del self._memo[next(iter(self._memo))]
            self._memo[key] = loaded
        return loaded

    def forget(self) -> None:
        """Forget every memo: the database may be another than it was."""
        with self._memo_lock:
            self._memo.clear()

    def close(self) -> None:
        """Close every connection."""
        _open_databases.discard(self)
        self._kept.close()
        self.engine.dispose()
        if self._lock is not None:
            self._lock.close()

    def after_fork(self) -> None:
        """Leave the parent's connections alone: closing them here would break its own."""
        _inherited.extend((self.engine.pool, self._kept.after_fork()))
        self.engine.dispose(close=False)
        self._memo_lock = threading.Lock()
        if self._lock is not None:
            self._lock.after_fork()


def _begin(conn: Connection, statement: str) -> None:
    # The toolkit leaves beginning to the driver, and the driver (isolation_level=None) to us.
    raw: Any = conn.connection.driver_connection
    raw.execute(statement).close()


_open_databases: WeakSet[Database] = WeakSet()
_inherited: list[object] = []


def _after_fork() -> None:
    for db in list(_open_databases):
        db.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def open_database(url: str, *, durable: bool = True, name: str = "") -> Database:
    """Open the database of an SQLAlchemy URL; its tables may still be missing.

    Args:
        url: "sqlite:////path/to/file.db" or "postgresql://user:password@host/name".
        durable: False lets commits be lost with the machine's power: for simulations.
        name: whose connections these are, where the server can tell (see `leases.evict`).

    Raises:
        ConfigError: the URL is not right or names a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text is not shown: it may hold a password.
        raise ConfigError(
            "database.sql_alchemy_conn is not a database URL; "
            "examples: sqlite:////var/lib/tradewind/tradewind.db, postgresql://user@host/name"
        ) from error
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _open_sqlite(parsed, durable)
    if kind in {"postgresql", "postgres"}:
        return _open_postgres(parsed, durable, name)
    raise ConfigError(
        f"database.sql_alchemy_conn names a {kind!r} database, which is not supported; "
        "use sqlite or postgresql"
    )


def _open_sqlite(url: URL, durable: bool) -> Database:
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "SQLite needs a file here: several processes share the database; "
            "use sqlite:////path/to/tradewind.db"
        )
    path = Path(url.database).expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the database's folder {path.parent} cannot be made: {error.strerror}"
        ) from error
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=64,
        connect_args={
            "check_same_thread": False,
            "timeout": _BUSY_S,
            "isolation_level": None,
            "cached_statements": 256,
        },
    )
    pragmas = (
        "journal_mode=WAL",
        f"synchronous={'FULL' if durable else 'OFF'}",
        "temp_store=MEMORY",
        f"cache_size=-{_CACHE_KIB}",
        f"journal_size_limit={64 * 1024 * 1024}",
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    return Database(engine, path)


def _open_postgres(url: URL, durable: bool, name: str) -> Database:
    settings = dict(_POSTGRES_SETTINGS)
    if not durable:
        settings["synchronous_commit"] = "off"
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=READERS,
            max_overflow=16,
            pool_timeout=10,
            connect_args={
                **_KEEPALIVE,
                "options": options,
                "application_name": application_name(name),
            },
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "PostgreSQL needs the driver psycopg: pip install 'tradewind[postgres]'"
        ) from error

    @event.listens_for(engine, "checkout")
    def _discard_closed(connection: Any, _record: object, _proxy: object) -> None:
        if not is_quiet(connection):
            raise DisconnectionError

    return Database(engine, None)


def application_name(name: str) -> str:
    """Return the name under which the server knows the connections of a part."""
    return f"tradewind {name}".strip()[-_LONGEST_NAME:]


@contextmanager
def _explained(sqlite_path: Path | None) -> Iterator[None]:
    try:
        yield
    except TradewindError:
        raise
    except Exception as error:
        ours = explain(error, sqlite_path)
        if ours is None:
            raise
        raise ours from error
