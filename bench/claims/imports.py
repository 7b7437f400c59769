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
    ("tradewind version", [str(TRADEWIND), "version"], 150.0),
    ("import tradewind.sdk", [sys.executable, "-c", "import tradewind.sdk"], 120.0),
    (
        "import DAG, dag, task of tradewind.sdk",
        [sys.executable, "-c", "from tradewind.sdk import DAG, dag, task"],
        None,
    ),
    ("python -c pass, to compare", [sys.executable, "-c", "pass"], None),
)


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    for name, command, goal in COMMANDS:
        run_ms(command)  # writes bytecode
        values = [run_ms(command) for _ in range(context.times(21, 5))]
        yield Figure(
            what=name,
            value=statistics.median(values),
            unit="ms",
            goal=goal,
            details={"ms": spread(values)},
        )


def run_ms(command: Sequence[str]) -> float:
    """Return how long a command takes."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000
