"""Measure the README's figures: `make bench`, or `python bench/run.py [--url URL]`.

Starts `tradewind standalone` in a temporary home, runs the benchmark DAGs, and prints the time
from the trigger to the run's end as the database recorded it (the median of a few runs, after
one that warms up).
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal

DAGS = Path(__file__).parent / "dags"
SHAPES = (
    ("bench_chain", "chain of 40 × fibo(10), s"),
    ("bench_wide", "root + 200 parallel no-ops, tasks/s"),
    ("bench_expand", "root + expand(200), tasks/s"),
)
_RUNS = 3
_PATIENCE_S = 120.0
_CLOCK = SystemClock()


def measure(db: Database, dag_id: str) -> tuple[float, int]:
    """Run a DAG once; return the seconds from the trigger to the end, and its tasks."""
    run = trigger(db, Signal(db), _CLOCK, dag_id)
    deadline = _CLOCK.monotonic() + _PATIENCE_S
    with selectors.DefaultSelector() as pause:
        while _CLOCK.monotonic() < deadline:
            now = scheduling.run(db, run.run_pk)
            if now is not None and now.ended_at is not None and run.queued_at is not None:
                if now.state != "success":
                    raise SystemExit(f"{dag_id} ended {now.state}")
                rows = scheduling.run_rows(db, run.run_pk)
                done = [t for t in rows.instances if t.state == "success"] if rows else []
                return (now.ended_at - run.queued_at).total_seconds(), len(done)
            pause.select(0.02)
    raise SystemExit(f"{dag_id} did not end within {_PATIENCE_S:g} s")


def report(db: Database, runs: int) -> None:
    """Measure every shape; print a table and a JSON line."""
    deadline = _CLOCK.monotonic() + 20
    with selectors.DefaultSelector() as pause:
        while scheduling.calendar(db, "bench_expand") is None and _CLOCK.monotonic() < deadline:
            pause.select(0.05)
    found: dict[str, float] = {}
    for dag_id, text in SHAPES:
        measure(db, dag_id)
        results = [measure(db, dag_id) for _ in range(runs)]
        seconds = statistics.median(r[0] for r in results)
        found[text] = round(results[0][1] / seconds) if "tasks/s" in text else round(seconds, 3)
    print("\n".join(f"| {name} | {value:g} |" for name, value in found.items()))
    print(json.dumps({"dialect": db.dialect, **found}, ensure_ascii=False))


def main() -> None:
    """Start a system of its own, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="database URL; by default SQLite in a temporary folder")
    parser.add_argument("--runs", type=int, default=_RUNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        env = {
            **os.environ,
            "TRADEWIND_HOME": home,
            "TRADEWIND__CORE__DAGS_FOLDER": str(DAGS),
            "TRADEWIND__CORE__PARALLELISM": "8",
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        if options.url:
            env["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"] = options.url
        process = subprocess.Popen(
            [sys.executable, "-m", "tradewind.cli", "standalone", "--port", "0"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()
            db = open_database(load_config(env).database.sql_alchemy_conn)
            report(db, options.runs)
            db.close()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
