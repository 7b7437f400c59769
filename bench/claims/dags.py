"""What a task costs among 2,000 DAGs with schedules."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import generate
from claims.history import OF_EMPTY, TASKS
from context import Context, spread
from figures import Figure
from product import SETTLE_S

EACH = 5


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    files = context.times(400, 60)
    for database in context.databases:
        with context.product(database, ["wide"]) as product:
            product.await_dags(["wide"])
            product.run("wide")
            repeats = range(context.times(7, 3))
            few = [product.run("wide") for _ in repeats]
            start = time.monotonic()
            names = generate.write(
                product.dags_folder, "other", files, tasks=5, dags_each=EACH, schedule="@yearly"
            )
            product.await_dags(names, 300)
            seen_s = time.monotonic() - start
            time.sleep(SETTLE_S)
            product.run("wide")
            many = [product.run("wide") for _ in repeats]
        yield Figure(
            what=f"cost per task among {len(names):,} DAGs",
            database=database,
            value=statistics.median(many) / statistics.median(few),
            unit="× empty",
            goal=OF_EMPTY,
            details={
                "few_ms": round(statistics.median(few) / TASKS * 1000, 3),
                "many_ms": round(statistics.median(many) / TASKS * 1000, 3),
                "few": spread(few),
                "many": spread(many),
                "visible_after_s": round(seen_s, 1),
            },
        )
