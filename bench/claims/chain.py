"""A chain of 40 short tasks, and a chain of 10 that compute."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from context import Context, spread
from figures import Figure

GOAL_S = 0.4
OF_LIMIT = 3.0
OF_BARE = 1.10
LIMIT_FLAGS = ("--chain", "40")

BARE = """
import time
def fibo(n):
    return n if n <= 1 else fibo(n - 1) + fibo(n - 2)
start = time.perf_counter()
for _ in range(10):
    fibo(33)
print(time.perf_counter() - start)
"""


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database, ["chains"]) as product:
            product.await_dags(["chain_40", "chain_10"])
            product.run("chain_40")  # the first run imports the file
            short, limits = context.beside_limit(
                database, LIMIT_FLAGS, context.times(9, 3), lambda: product.run("chain_40")
            )
            bare, long = [], []
            for _ in range(context.times(4, 1)):
                bare.append(bare_s())
                long.append(product.run("chain_10"))
        yield Figure(
            what="chain of 40 × fibo(10)",
            database=database,
            value=statistics.median(short),
            unit="s",
            goal=GOAL_S,
            limit=statistics.median(line["median_s"] for line in limits),
            of_limit=OF_LIMIT,
            airflow="42.8 / 11.9 s",
            details={"runs": spread(short), "limit": limits},
        )
        yield Figure(
            what="chain of 10 × fibo(33); limit: bare Python",
            database=database,
            value=statistics.median(long),
            unit="s",
            limit=statistics.median(bare),
            of_limit=OF_BARE,
            airflow="11.4 / 6.6 s",
            details={"runs_s": spread(long), "bare_s": spread(bare)},
        )


def bare_s() -> float:
    """Return how long Python alone takes for the same ten calls."""
    command = [sys.executable, "-c", BARE]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)
