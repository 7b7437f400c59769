"""How long the command line and the authoring package take to start."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from context import Context, spread
from figures import Figure
from product import TRADEWIND

COMMANDS = (
    ("tradewind version", [str(TRADEWIND), "version"], 150.0, "2.1 s"),
    ("import tradewind.sdk", [sys.executable, "-c", "import tradewind.sdk"], 120.0, "2.3 s"),
    (
        "from tradewind.sdk import DAG, dag, task",
        [sys.executable, "-c", "from tradewind.sdk import DAG, dag, task"],
        None,
        "",
    ),
)


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for name, command, goal, airflow in COMMANDS:
        run_ms(command)  # writes bytecode
        values, bare = [], []
        for _ in range(context.times(21, 5)):
            values.append(run_ms(command))
            bare.append(run_ms([sys.executable, "-c", "pass"]))
        yield Figure(
            what=f"{name}; limit: python -c pass",
            value=statistics.median(values),
            unit="ms",
            goal=goal,
            limit=statistics.median(bare),
            airflow=airflow,
            details={"ms": spread(values), "bare_ms": spread(bare)},
        )


def run_ms(command: Sequence[str]) -> float:
    """Return how long a command takes."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000
