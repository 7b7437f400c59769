"""A PostgreSQL server for the measurements: durable, as the tests start theirs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

sys.path.append(str(Path(__file__).parents[1]))

from tests.servers import Missing, PostgresServer, open_server

__all__ = ["Missing", "PostgresServer", "a_database", "server_at"]


def server_at(url: str | None) -> PostgresServer:
    """Return the server of a URL; without one, the one that the tests would take.

    Raises:
        Missing: there is none.
    """
    return PostgresServer(make_url(url)) if url else open_server()


@contextmanager
def a_database(server: PostgresServer) -> Iterator[str]:
    """Yield the URL of a new, empty database."""
    name = server.create()
    try:
        yield server.url(name)
    finally:
        server.drop(name)
