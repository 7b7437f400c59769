"""Connections that are kept between transactions: for whoever commits turn after turn.

Taking a connection from the pool, beginning, committing and giving it back through the toolkit
costs as much as the statements of a small turn. Here the driver's own connection is used, and
begins and commits by itself. Whatever goes wrong, the connection goes back to the pool, which
ends its transaction or throws it away, and the next transaction takes another.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

KEPT = 2
"""Connections kept idle; threads that write at the same moment use more."""


class KeptConnections:
    """As many connections as there are transactions at a time, few of them kept.

    Whoever writes alone always writes on the same one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[KeptConnection] = []

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a driver's connection in a writing transaction, committed after the block."""
        try:
            kept = self._idle.pop()
        except IndexError:
            kept = KeptConnection(self._engine)
        try:
            with kept.transaction() as raw:
                yield raw
        finally:
            self._idle.append(kept)
            if len(self._idle) > KEPT:
                self._close_one()

    def close(self) -> None:
        """Give the connections back."""
        while self._idle:
            self._close_one()

    def after_fork(self) -> object:
        """Leave the connections to the parent; return them, to be kept unused."""
        idle, self._idle = self._idle, []
        return idle

    def _close_one(self) -> None:
        with suppress(IndexError):  # another thread was faster
            self._idle.pop(0).close()


class KeptConnection:
    """One connection of an engine. Not for several threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._kept: PoolProxiedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield the driver's connection in a writing transaction, committed after the block."""
        kept = self._usable()
        raw: Any = kept.driver_connection
        try:
            if self._is_sqlite:
                raw.execute("BEGIN IMMEDIATE").close()
                yield raw
                raw.commit()
            else:
                # The driver would wait for the answer to its own BEGIN before anything else goes.
                with raw.pipeline():
                    raw.execute("BEGIN")
                    yield raw
                    raw.execute("COMMIT")
        except BaseException:
            self._kept = None
            self._give_back(kept)
            raise

    def close(self) -> None:
        """Give the connection back."""
        kept, self._kept = self._kept, None
        if kept is not None:
            self._give_back(kept)

    def _usable(self) -> PoolProxiedConnection:
        kept = self._kept
        if kept is not None and not self._is_sqlite and not is_quiet(kept):
            self._kept = None
            kept.invalidate()
            kept.close()
            kept = None
        if kept is None:
            kept = self._kept = self._engine.raw_connection()
            if not self._is_sqlite:
                driver: Any = kept.driver_connection
                driver.autocommit = True
        return kept

    def _give_back(self, kept: PoolProxiedConnection) -> None:
        """Let the pool have a connection again, as it was; or drop it when it is broken."""
        raw: Any = kept.driver_connection
        if not self._is_sqlite:
            with suppress(Exception):  # of whatever kind: it is closed then, or not as it was
                raw.rollback()
                raw.autocommit = False
        if is_closed(raw) or (not self._is_sqlite and raw.autocommit):
            kept.invalidate()
        kept.close()


def is_quiet(connection: Any) -> bool:
    """Tell whether an idle PostgreSQL connection still is one.

    The server says nothing to an idle connection, unless it closes it. Asking the kernel costs
    a microsecond; asking the server would cost a round trip for each transaction.
    """
    with suppress(Exception):
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN)
        return not poller.poll(0)
    return False


def is_closed(raw: Any) -> bool:
    """Tell whether the driver gave the connection up."""
    return bool(getattr(raw, "closed", False))
