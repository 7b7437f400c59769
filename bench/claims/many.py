"""50 DAGs, each a chain of 10, all triggered at once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import generate
from claims.parallel import GOAL_PER_S, LIMIT_FLAGS, OF_LIMIT
from context import Context, spread
from figures import Figure

DAGS = 50
LENGTH = 10


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        limits = [context.limit(database, *LIMIT_FLAGS, runs=context.times(3, 1))]
        with context.product(database) as product:
            names = generate.write(product.dags_folder, "many", DAGS, tasks=LENGTH)
            product.await_dags(names)
            product.run_all(names)  # the first runs import the files
            runs = [product.run_all(names) for _ in range(context.times(5, 1))]
        limits.append(context.limit(database, *LIMIT_FLAGS, runs=context.times(3, 1)))
        yield Figure(
            what="50 DAGs × chain of 10",
            database=database,
            value=DAGS * LENGTH / statistics.median(runs),
            unit="tasks/s",
            goal=GOAL_PER_S[database],
            at_least=True,
            limit=statistics.median(line["tasks_per_s"] for line in limits),
            of_limit=OF_LIMIT,
            details={"runs_s": spread(runs), "limit": limits},
        )
