"""From sending the trigger request to the first line of user code."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from sqlalchemy import select

from context import Context, spread
from figures import Figure, quantile
from product import DAGS, SETTLE_S, Product
from tradewind.store.tables import dag

MEDIAN_MS, P95_MS, FIRST_MS = 20.0, 40.0, 30.0
PAUSE_S = 0.37
"""Between triggers: the system is idle again, and no timer of ours keeps step with its own."""


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database, ["latency"]) as product:
            product.await_dags(["latency"])
            latency_ms(product, "latency")
            warm = []
            for _ in range(context.times(50, 10)):
                time.sleep(PAUSE_S)
                warm.append(latency_ms(product, "latency"))
            first = [first_ms(product, n) for n in range(context.times(9, 3))]
        for name, value, goal, airflow in (
            ("trigger → first line, median", statistics.median(warm), MEDIAN_MS, "– / 148 ms"),
            ("trigger → first line, 95 %", quantile(warm, 0.95), P95_MS, "– / 225 ms"),
        ):
            yield Figure(
                what=name,
                database=database,
                value=value,
                unit="ms",
                goal=goal,
                airflow=airflow,
                details={"ms": spread(warm)},
            )
        yield Figure(
            what="trigger → first line, first time, beyond the import",
            database=database,
            value=statistics.median(first),
            unit="ms",
            goal=FIRST_MS,
            details={"ms": spread(first)},
        )


def latency_ms(product: Product, dag_id: str) -> float:
    """Trigger a run, and compare the time with the one that its task wrote down."""
    product.witness.unlink(missing_ok=True)
    sent = time.time()
    product.trigger(dag_id)
    product.until(lambda: _line(product).endswith("\n"), 30, "the task")
    return (float(_line(product)) - sent) * 1000


def first_ms(product: Product, number: int) -> float:
    """Return the latency of a file that no run has used yet, less its import."""
    name = f"latency_first_{number}"
    text = (DAGS / "latency.py").read_text().replace("latency()", f"{name}()")
    (product.dags_folder / f"{name}.py").write_text(text)
    product.await_dags([name])
    time.sleep(SETTLE_S)
    with product.db.read() as conn:
        query = select(dag.c.parse_duration_s).where(dag.c.dag_id == name)
        import_s: float = conn.execute(query).scalar_one()
    return latency_ms(product, name) - import_s * 1000


def _line(product: Product) -> str:
    try:
        return product.witness.read_text()
    except FileNotFoundError:
        return ""
