"""50 DAGs, each a chain of 10, all triggered at once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

import generate
from claims.parallel import GOAL_PER_S, LIMIT_FLAGS, OF_LIMIT
from context import Context, spread
from figures import Figure

DAGS = 50
LENGTH = 10


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database) as product:
            names = generate.write(product.dags_folder, "many", DAGS, tasks=LENGTH)
            product.await_dags(names)
            product.run_all(names)  # the first runs import the files
            runs, limits = context.beside_limit(
                database, LIMIT_FLAGS, context.times(5, 1), partial(product.run_all, names)
            )
        yield Figure(
            what="50 DAGs × chain of 10, all at once",
            database=database,
            value=DAGS * LENGTH / statistics.median(runs),
            unit="tasks/s",
            goal=GOAL_PER_S[database],
            at_least=True,
            limit=statistics.median(line["tasks_per_s"] for line in limits),
            of_limit=OF_LIMIT,
            airflow="– / 7.2–7.8",
            details={"runs_s": spread(runs), "limit": limits},
        )
