"""What a task costs when the database holds a million finished task instances."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

from context import SQLITE, Context, spread
from figures import Figure
from product import SETTLE_S, Product

TASKS_EACH = 1000
TASKS = 201
OF_EMPTY = 1.2

# Values in the forms of store/tables.py; what is not named has a value that fits every row.
RUNS = """
INSERT INTO dag_run (run_pk, dag_id, run_id, run_type, state, version_id, source_hash, tree_hash,
                     run_after, queued_at, started_at, ended_at, conf, triggered_by, clear_number)
SELECT 1000000 + n, 'old_' || (n % 50), 'manual__' || n, 'manual', 'success', 1, '', '',
       {time}, {time}, {time}, {time}, '{{}}', 'cli', 0
FROM ({series}) AS numbers
"""
INSTANCES = """
INSERT INTO task_instance (run_pk, task_id, map_index, state, try_number, max_tries, fence,
                           attempt_id, queued_at, started_at, ended_at, reschedule_count, returned,
                           infra_losses, map_path, skips)
SELECT 1000000 + {run}, 't' || n, -1, 'success', 1, 0, 1, '{run}-' || n,
       {time}, {time}, {time}, 0, {false}, 0, '', ''
FROM ({series}) AS numbers
"""
ATTEMPTS = """
INSERT INTO attempt (attempt_id, run_pk, task_id, map_index, fence, try_number, state, executor,
                     claim_token, hb_counter, submit_count, queued_at, claimed_at, ended_at)
SELECT '{run}-' || n, 1000000 + {run}, 't' || n, -1, 1, 1, 'done', 'LocalExecutor',
       '', 0, 1, {time}, {time}, {time}
FROM ({series}) AS numbers
"""
EVENTS = """
INSERT INTO ti_event (at, subject, run_pk, task_id, map_index, fence, try_number, from_state,
                      to_state, actor)
SELECT {time}, 'task', 1000000 + {run}, 't' || n, -1, 1, 1, '{before}', '{after}', 'scheduler'
FROM ({series}) AS numbers
"""
NUMBERS_POSTGRESQL = "SELECT n FROM generate_series(1, {count}) AS n"
NUMBERS_SQLITE = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count})
SELECT n FROM counted
"""
STATES = ("none", "scheduled", "queued", "running", "success")


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    runs = context.times(1000, 100)
    for database in context.databases:
        with context.product(database, ["wide"]) as product:
            product.await_dags(["wide"])
            product.run("wide")
            repeats = range(context.times(7, 3))
            empty = [product.run("wide") for _ in repeats]
            took_s = fill(product, runs)
            product.run("wide")
            full = [product.run("wide") for _ in repeats]
            size = database_mb(product) if database == SQLITE else None
        yield Figure(
            what=f"cost per task after {runs * TASKS_EACH:,} task instances",
            database=database,
            value=statistics.median(full) / statistics.median(empty),
            unit="× empty",
            goal=OF_EMPTY,
            details={
                "empty_ms": round(statistics.median(empty) / TASKS * 1000, 3),
                "full_ms": round(statistics.median(full) / TASKS * 1000, 3),
                "empty": spread(empty),
                "full": spread(full),
                "filled_in_s": round(took_s, 1),
                "database_mb": size,
            },
        )


def fill(product: Product, runs: int) -> float:
    """Write finished runs of 1,000 tasks each, in slices that let the product breathe."""
    sqlite = product.db.dialect == "sqlite"
    words = {
        "time": "1700000000000000" if sqlite else "to_timestamp(1700000000)",
        "false": "0" if sqlite else "false",
    }
    start = time.monotonic()
    with product.db.write() as conn:
        conn.execute(text(RUNS.format(series=series(runs, sqlite=sqlite), **words)))
    numbers = series(TASKS_EACH, sqlite=sqlite)
    for run in range(1, runs + 1):
        with product.db.write() as conn:
            conn.execute(text(INSTANCES.format(run=run, series=numbers, **words)))
            conn.execute(text(ATTEMPTS.format(run=run, series=numbers, **words)))
            for before, after in pairwise(STATES):
                statement = EVENTS.format(
                    run=run, series=numbers, before=before, after=after, **words
                )
                conn.execute(text(statement))
    with product.db.write() as conn:
        conn.execute(text("ANALYZE"))
    time.sleep(SETTLE_S)
    return time.monotonic() - start


def series(count: int, *, sqlite: bool) -> str:
    """Return a query of the numbers 1 to count."""
    return (NUMBERS_SQLITE if sqlite else NUMBERS_POSTGRESQL).format(count=count)


def database_mb(product: Product) -> float:
    """Return the size of the database's files."""
    files: list[Path] = list(product.home.glob("tradewind.db*"))
    return round(sum(file.stat().st_size for file in files) / 1_000_000, 1)
