"""Lists of the REST API with 2,000 DAGs and 1,000,000 task instances in the database."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

import generate
from claims.history import TASKS_EACH, fill
from context import Context
from figures import Figure, quantile
from product import Failed, Product

P95_MS = 30.0
EACH = 5
SETTINGS = {"TRADEWIND__API__TRUST_LOOPBACK": "true"}
LISTS = (
    "dags?limit=50",
    "dags?limit=50&offset=1500&order_by=-dag_id",
    "dags?limit=50&dag_id_pattern=%25other_0123%25",
    "dags/~/dagRuns?limit=50",
    "dags/~/dagRuns?limit=50&order_by=-start_date&state=success",
    "dags/~/dagRuns/~/taskInstances?limit=50",
    "dags/~/dagRuns/~/taskInstances?limit=50&state=failed",
    "dags/wide/dagRuns?limit=50",
    "dags/wide/dagRuns/~/taskInstances?limit=50",
    "dags/wide/tasks",
    "eventLogs?limit=50",
    "importErrors?limit=50",
    "dagTags?limit=50",
    "pools?limit=50",
    "variables?limit=50",
    "connections?limit=50",
    "assets?limit=50",
)


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    runs, files = context.times(1000, 100), context.times(400, 60)
    for database in context.databases:
        with context.product(database, ["wide"], SETTINGS) as product:
            product.await_dags(["wide"])
            product.run("wide")
            names = generate.write(product.dags_folder, "other", files, tasks=5, dags_each=EACH)
            product.await_dags(names, 300)
            fill(product, runs)
            times = {path: asked_ms(product, path, context.times(60, 20)) for path in LISTS}
        p95 = {path: round(quantile(values, 0.95), 1) for path, values in times.items()}
        slowest = max(p95, key=lambda path: p95[path])
        yield Figure(
            what=f"lists of the API, {len(names):,} DAGs, {runs * TASKS_EACH:,} tasks: slowest p95",
            database=database,
            value=p95[slowest],
            unit="ms",
            goal=P95_MS,
            details={
                "slowest": slowest,
                "p95_ms": p95,
                "median_ms": {path: round(quantile(v, 0.5), 1) for path, v in times.items()},
            },
        )


def asked_ms(product: Product, path: str, count: int) -> list[float]:
    """Return how long each of some requests took, in milliseconds, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", product.port, timeout=60)
    took: list[float] = []
    try:
        for _ in range(count + 1):
            start = time.perf_counter()
            connection.request("GET", f"/api/v2/{path}")
            answer = connection.getresponse()
            body = answer.read()
            took.append((time.perf_counter() - start) * 1000)
            if answer.status != http.client.OK:
                raise Failed(f"{path}: {answer.status} {body[:200]!r}")
            json.loads(body)
    finally:
        connection.close()
    return took[1:]
