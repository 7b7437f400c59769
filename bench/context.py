"""What every measurement is given: the databases to measure on, and how thoroughly."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postgres import PostgresServer, a_database
from product import Product

LIMIT = Path(__file__).with_name("limit.py")
SQLITE, POSTGRESQL = "sqlite", "postgresql"


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
        if database == SQLITE or self.server is None:
            with Product(None, dags, settings) as product:
                yield product
            return
        with a_database(self.server) as url, Product(url, dags, settings) as product:
            yield product

    def limit(self, database: str, *flags: str, runs: int) -> dict[str, Any]:
        """Run the limit program in a process of its own and return its line."""
        if database == SQLITE or self.server is None:
            return self._limit("sqlite", flags, runs)
        with a_database(self.server) as url:
            return self._limit(url, flags, runs)

    def _limit(self, db: str, flags: Sequence[str], runs: int) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(LIMIT), "--db", db, "--runs", str(runs), *flags],
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
