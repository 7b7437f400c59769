"""Bare Celery: the same functions on the same broker, result backend and durability.

A worker of Celery's own (prefork: the processes stay, none is forked for a task) runs no-ops
and a chain of fibo(10). Each result is a row that Celery commits to the result backend; nothing
else is kept: no states, no logs, no retries, no claim. What the CeleryExecutor is held against.

    python bench/bare_celery.py --chain 40 --wide 200 --broker redis://127.0.0.1:6379/0
        --backend db+postgresql+psycopg://user@host/name

One line of JSON for each shape.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery, chain
from sqlalchemy import create_engine, text

BROKER, BACKEND = "BARE_CELERY_BROKER", "BARE_CELERY_BACKEND"
START_S = 60.0
LIMIT_S = 120.0
POLL_S = 0.002

app = Celery("bare", broker=os.environ.get(BROKER), backend=os.environ.get(BACKEND))
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
)


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


@app.task(name="bare.noop")
def noop() -> None:
    """Do nothing."""


@app.task(name="bare.step")
def step() -> int:
    """Compute what a step of the benchmark chain computes."""
    return fibo(10)


class Results:
    """The rows of the result backend, counted from outside."""

    def __init__(self, backend: str) -> None:
        self._engine = create_engine(backend.removeprefix("db+"))

    def await_count(self, wanted: int, limit_s: float) -> None:
        """Wait until so many tasks have succeeded."""
        query = text("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'")
        deadline = time.monotonic() + limit_s
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while conn.execute(query).scalar_one() < wanted:
                if time.monotonic() > deadline:
                    raise SystemExit(f"bare Celery did not finish within {limit_s:g} s")
                time.sleep(POLL_S)

    def clear(self) -> None:
        """Forget all results."""
        with self._engine.begin() as conn:
            conn.execute(text("DELETE FROM celery_taskmeta"))


@contextmanager
def worker(broker: str, backend: str, concurrency: int) -> Iterator[Results]:
    """Run a worker that is warm: each of its processes has run a task."""
    command = [sys.executable, "-m", "celery", "--app", "bare_celery:app", "worker"]
    process = subprocess.Popen(
        [*command, f"--concurrency={concurrency}", "--loglevel=ERROR", "--without-mingle"],
        cwd=Path(__file__).parent,
        env={**os.environ, BROKER: broker, BACKEND: backend},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        app.backend.ResultSession()  # makes the tables
        results = Results(backend)
        results.clear()
        warm_up = 4 * concurrency
        for _ in range(warm_up):
            noop.apply_async()
        results.await_count(warm_up, START_S)
        yield results
    finally:
        process.terminate()
        process.wait(30)


def one_round(results: Results, tasks: int, submit: Callable[[], object]) -> float:
    results.clear()
    start = time.perf_counter()
    submit()
    results.await_count(tasks, LIMIT_S)
    return time.perf_counter() - start


def measure(
    shape: str, tasks: int, runs: int, results: Results, submit: Callable[[], object]
) -> dict[str, Any]:
    """Return the figures of several rounds."""
    rounds = sorted(one_round(results, tasks, submit) for _ in range(runs))
    median_s = statistics.median(rounds)
    return {
        "shape": shape,
        "n": tasks,
        "min_s": round(rounds[0], 3),
        "median_s": round(median_s, 3),
        "max_s": round(rounds[-1], 3),
        "tasks_per_s": round(tasks / median_s, 1),
        "ms_per_task": round(median_s / tasks * 1000, 2),
    }


def main() -> None:
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--broker", required=True, help="URL of Redis or RabbitMQ")
    parser.add_argument("--backend", required=True, help="URL of the result backend")
    parser.add_argument("--chain", type=int, default=0, help="tasks one after the other")
    parser.add_argument("--wide", type=int, default=0, help="independent tasks")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    app.conf.update(broker_url=given.broker, result_backend=given.backend)
    with worker(given.broker, given.backend, given.concurrency) as results:
        if given.chain:
            steps = chain(*(step.si() for _ in range(given.chain)))
            line = measure("chain", given.chain, given.runs, results, steps.apply_async)
            print(json.dumps(line), flush=True)
        if given.wide:

            def submit() -> None:
                for _ in range(given.wide):
                    noop.apply_async()

            print(json.dumps(measure("wide", given.wide, given.runs, results, submit)), flush=True)


if __name__ == "__main__":
    main()
