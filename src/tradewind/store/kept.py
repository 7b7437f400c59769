"""A connection that is kept between transactions: for whoever commits turn after turn.

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


class KeptConnection:
    """One connection of an engine. Not for several threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: PoolProxiedConnection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield the driver's connection in a writing transaction, committed after the block."""
        kept = self._usable()
        raw: Any = kept.driver_connection
        try:
            if self._engine.dialect.name == "sqlite":
                raw.execute("BEGIN IMMEDIATE").close()
            yield raw
            raw.commit()
        except BaseException:
            self._kept = None
            if is_closed(raw):
                kept.invalidate()
            kept.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def after_fork(self) -> object:
        """Leave the connection to the parent; return it, to be kept unused."""
        kept, self._kept = self._kept, None
        return kept

    def _usable(self) -> PoolProxiedConnection:
        kept = self._kept
        if kept is not None and self._engine.dialect.name == "postgresql" and not is_quiet(kept):
            self._kept = None
            kept.invalidate()
            kept.close()
            kept = None
        if kept is None:
            kept = self._kept = self._engine.raw_connection()
        return kept


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
