"""What every measurement is given: the databases to measure on, and how thoroughly."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from postgres import PostgresServer, a_database
from product import Product

LIMIT = Path(__file__).with_name("limit.py")
SQLITE, POSTGRESQL = "sqlite", "postgresql"

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """How to measure.

    databases: of "sqlite" and "postgresql". server: for the latter.
    """

    quick: bool
    databases: tuple[str, ...]
    server: PostgresServer | None = None

    def times(self, thorough: int, quick: int) -> int:
        """Return how often to repeat something."""
        return quick if self.quick else thorough

    @contextmanager
    def product(
        self,
        database: str = SQLITE,
        dags: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[Product]:
        """Yield a running product on an empty database of a kind."""
        with self._url(database) as url, Product(url, dags, settings) as product:
            yield product

    def beside_limit(
        self, database: str, flags: Sequence[str], rounds: int, measure: Callable[[], T]
    ) -> tuple[list[T], list[dict[str, Any]]]:
        """Alternate a measurement with the limit program, so that both meet the same machine.

        Returns:
            what was measured in each round, and the limit program's lines.
        """
        measured: list[T] = []
        limits: list[dict[str, Any]] = []
        with self._url(database) as url:
            limits.append(_limit(url or SQLITE, flags))
            for _ in range(rounds):
                measured.append(measure())
                limits.append(_limit(url or SQLITE, flags))
        return measured, limits

    @contextmanager
    def _url(self, database: str) -> Iterator[str | None]:
        """Yield the URL of an empty database; None for the default one, SQLite."""
        if database == SQLITE or self.server is None:
            yield None
            return
        with a_database(self.server) as url:
            yield url


def _limit(db: str, flags: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(LIMIT), "--db", db, "--runs", "1", *flags],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return how values are spread, for the details of a figure."""
    return {
        "n": len(values),
        "min": round(min(values), 4),
        "median": round(statistics.median(values), 4),
        "max": round(max(values), 4),
    }
