"""One root and 200 tasks at once, written out and by expand(): a process each."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

from context import SQLITE, Context, spread
from figures import Figure
from product import Failed, Product

TASKS = 201
GOAL_PER_S = {SQLITE: 250.0, "postgresql": 180.0}
OF_LIMIT = 0.5
LIMIT_FLAGS = ("--wide", "1000", "--parallel", "8")


SHAPES = (
    ("wide", "root + 200 parallel no-ops", "– / 5.7–7.8"),
    ("expand", "root + expand(200)", "– / 6.9–8.7"),
)


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database, ["wide"]) as product:
            product.await_dags(["wide", "expand", "wide_witness"])
            product.run("wide_witness")
            pids = check_witness(product)
            for dag_id, name, airflow in SHAPES:
                run = partial(product.run, dag_id)
                run()
                runs, limits = context.beside_limit(database, LIMIT_FLAGS, context.times(7, 2), run)
                yield Figure(
                    what=name,
                    database=database,
                    value=TASKS / statistics.median(runs),
                    unit="tasks/s",
                    goal=GOAL_PER_S[database],
                    at_least=True,
                    limit=statistics.median(line["tasks_per_s"] for line in limits),
                    of_limit=OF_LIMIT,
                    airflow=airflow,
                    details={"runs_s": spread(runs), "pids": pids, "limit": limits},
                )


def check_witness(product: Product) -> int:
    """See in the witness file that every task was a process of its own."""
    pids = product.witness.read_text().split()
    if len(pids) != TASKS - 1 or len(set(pids)) != len(pids):
        raise Failed(f"{len(pids)} tasks wrote {len(set(pids))} pids, not {TASKS - 1}")
    return len(set(pids))
