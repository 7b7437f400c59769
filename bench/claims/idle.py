"""Memory and CPU of an idle `standalone`, over all of its processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import processes
from context import Context
from figures import Figure

MEMORY_MIB, CPU_PERCENT = 150.0, 0.5


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for database in context.databases:
        with context.product(database, ["chains", "wide", "latency"]) as product:
            product.await_dags(["chain_40", "wide", "latency"])
            product.run("chain_40")
            time.sleep(context.times(20, 5))
            usage = processes.measure(product.home, context.times(60, 10))
        details = {
            "processes": usage.processes,
            "seconds": usage.seconds,
            "by_process": usage.by_process,
        }
        yield Figure(
            what="idle: memory (PSS)",
            database=database,
            value=usage.pss_mib,
            unit="MiB",
            goal=MEMORY_MIB,
            airflow="1,027 / 681 MiB",
            details=details,
        )
        yield Figure(
            what="idle: CPU of a core",
            database=database,
            value=usage.cpu_percent,
            unit="%",
            goal=CPU_PERCENT,
            airflow="4.9 / 17.1 %",
            details=details,
        )
