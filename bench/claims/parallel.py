"""One root and 200 tasks at once, written out and by expand(): a process each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from context import SQLITE, Context, spread
from figures import Figure
from product import Failed, Product

TASKS = 201
GOAL_PER_S = {SQLITE: 250.0, "postgresql": 180.0}
OF_LIMIT = 0.5
LIMIT_FLAGS = ("--wide", "1000", "--parallel", "8")


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        limits = [context.limit(database, *LIMIT_FLAGS, runs=context.times(3, 1))]
        with context.product(database, ["wide"]) as product:
            product.await_dags(["wide", "expand", "wide_witness"])
            product.run("wide_witness")
            pids = check_witness(product)
            runs = {
                dag_id: [product.run(dag_id) for _ in range(context.times(7, 2))]
                for dag_id in ("wide", "expand")
            }
        limits.append(context.limit(database, *LIMIT_FLAGS, runs=context.times(3, 1)))
        for dag_id, name in (("wide", "root + 200 parallel"), ("expand", "root + expand(200)")):
            yield Figure(
                what=name,
                database=database,
                value=TASKS / statistics.median(runs[dag_id]),
                unit="tasks/s",
                goal=GOAL_PER_S[database],
                at_least=True,
                limit=statistics.median(line["tasks_per_s"] for line in limits),
                of_limit=OF_LIMIT,
                details={"runs_s": spread(runs[dag_id]), "pids": pids, "limit": limits},
            )


def check_witness(product: Product) -> int:
    """See in the witness file that every task was a process of its own."""
    pids = product.witness.read_text().split()
    if len(pids) != TASKS - 1 or len(set(pids)) != len(pids):
        raise Failed(f"{len(pids)} tasks wrote {len(set(pids))} pids, not {TASKS - 1}")
    return len(set(pids))
