"""`tradewind standalone` from the command to healthy: on a new home, and on one that exists."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from context import Context, spread
from figures import Figure

GOAL_S = 2.0


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        new: list[float] = []
        again: list[float] = []
        for _ in range(context.times(5, 2)):
            with context.product(database, ["chains", "wide", "latency"]) as product:
                new.append(product.healthy_after_s)
                product.await_dags(["chain_40", "wide", "latency"])
                product.stop()
                product.start()
                again.append(product.healthy_after_s)
        for name, values, airflow in (
            ("standalone until healthy, new home", new, "16.2 / 8–20 s"),
            ("standalone until healthy, existing home", again, ""),
        ):
            yield Figure(
                what=name,
                database=database,
                value=statistics.median(values),
                unit="s",
                goal=GOAL_S,
                airflow=airflow,
                details={"s": spread(values)},
            )
