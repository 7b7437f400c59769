"""How long a small write waits while `db clean` removes a long history."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator

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


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    runs = context.times(200, 20)
    for database in context.databases:
        with context.product(database) as product:
            fill(product, runs)
            alone = waits(product, lambda: time.sleep(1.0))
            began = time.monotonic()
            removed: dict[str, int] = {}
            beside = waits(product, lambda: removed.update(clean(product.db, SystemClock().now())))
            took_s = time.monotonic() - began
        rows = sum(removed.values())
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


def waits(product: Product, work: object) -> list[float]:
    """Return how long small writes took while something was done."""
    assert callable(work)
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
        work()
    finally:
        over.set()
        other.join()
    return taken


def percentile(values: list[float], part: float) -> float:
    """Return a percentile."""
    return sorted(values)[int(len(values) * part)]
