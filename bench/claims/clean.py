"""How long a small write waits while `db clean` removes a long history."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from sqlalchemy import update

from claims.history import TASKS_EACH, fill
from context import Context, spread
from figures import Figure
from product import Product
from tradewind.clock import SystemClock
from tradewind.store.cleaning import clean
from tradewind.store.connect import open_database
from tradewind.store.tables import pool

WAIT_GOAL_MS = 5.0
PAUSE_S = 0.005

T = TypeVar("T")


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    runs = context.times(200, 20)
    for database in context.databases:
        with context.product(database) as product:
            fill(product, runs)
            _, alone = waits(product, wait_a_second)
            began = time.monotonic()
            rows, beside = waits(product, partial(remove_all, product))
            took_s = time.monotonic() - began
        yield Figure(
            what=f"db clean of {runs * TASKS_EACH:,} task instances: a small write, 95 %",
            database=database,
            value=percentile(beside, 0.95) * 1000,
            unit="ms",
            goal=WAIT_GOAL_MS + percentile(alone, 0.95) * 1000,
            details={
                "alone_ms": spread([s * 1000 for s in alone]),
                "beside_ms": spread([s * 1000 for s in beside]),
                "longest_ms": round(max(beside) * 1000, 1),
                "median_ms": round(statistics.median(beside) * 1000, 2),
                "rows": rows,
                "rows_per_s": round(rows / took_s),
            },
        )


def remove_all(product: Product) -> int:
    """Clean everything; return the number of rows."""
    return sum(clean(product.db, SystemClock().now()).values())


def wait_a_second() -> None:
    """Do nothing for a second."""
    time.sleep(1.0)


def waits(product: Product, work: Callable[[], T]) -> tuple[T, list[float]]:
    """Return what some work gave, and how long small writes took while it was done."""
    taken: list[float] = []
    over = threading.Event()

    def write() -> None:
        db = open_database(product.url)
        statement = update(pool).where(pool.c.name == "default_pool").values(slots=pool.c.slots)
        while not over.wait(PAUSE_S):
            began = time.perf_counter()
            with db.write() as conn:
                conn.execute(statement)
            taken.append(time.perf_counter() - began)
        db.close()

    other = threading.Thread(target=write)
    other.start()
    try:
        done = work()
    finally:
        over.set()
        other.join()
    return done, taken


def percentile(values: list[float], part: float) -> float:
    """Return a percentile."""
    return sorted(values)[int(len(values) * part)]
