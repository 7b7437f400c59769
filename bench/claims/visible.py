"""How soon a new or an edited DAG file is seen; 500 files; and the CPU that watching costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import generate
import processes
from context import Context, spread
from figures import Figure
from product import Product

ONE_S, MANY_S, IDLE_PERCENT = 1.0, 6.0, 1.0
FILES, TASKS = 500, 5
FINE_POLL_S = 0.005


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database, ["latency"]) as product:
            product.await_dags(["latency"])
            repeats = range(context.times(9, 3))
            new = [new_file_s(product, n) for n in repeats]
            edited = [edited_file_s(product, n) for n in repeats]
            start = time.monotonic()
            names = generate.write(product.dags_folder, "parse", FILES, tasks=TASKS)
            product.await_dags(names, 120)
            all_s = time.monotonic() - start
            time.sleep(context.times(10, 5))
            idle = processes.measure(product.home, context.times(60, 10))
        for name, values, airflow in (
            ("new DAG file visible", new, "160 / 5 s"),
            ("edited DAG file visible", edited, ""),
        ):
            yield Figure(
                what=name,
                database=database,
                value=statistics.median(values),
                unit="s",
                goal=ONE_S,
                airflow=airflow,
                details={"s": spread(values)},
            )
        yield Figure(
            what="500 files of 5 tasks visible",
            database=database,
            value=all_s,
            unit="s",
            goal=MANY_S,
            airflow="– / 42.8 s",
        )
        yield Figure(
            what="CPU of a core, idle with 500 files",
            database=database,
            value=idle.cpu_percent,
            unit="%",
            goal=IDLE_PERCENT,
            airflow="– / 159 %",
            details={"pss_mib": idle.pss_mib, "by_process": idle.by_process},
        )


def new_file_s(product: Product, number: int) -> float:
    """Write a file and wait until its DAG can be seen."""
    start = time.monotonic()
    (name,) = generate.write(product.dags_folder, f"new{number}", 1, tasks=TASKS)
    product.until(lambda: name in product.versions(), 60, "a new file", FINE_POLL_S)
    return time.monotonic() - start


def edited_file_s(product: Product, number: int) -> float:
    """Add a task to a file and wait until the new version can be seen."""
    before = product.versions()
    start = time.monotonic()
    (name,) = generate.write(product.dags_folder, f"new{number}", 1, tasks=TASKS + 1)
    product.until(lambda: product.versions().get(name) != before[name], 60, "an edit", FINE_POLL_S)
    return time.monotonic() - start
