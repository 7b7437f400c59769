"""Play many seeds and kill anything while many tasks run; write docs/campaign.md.

`make campaign` runs it. The report says what was played, on which commit, and how often each
path and each fault was met: a path that no seed takes proves nothing, and fails the campaign.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tradewind.clock import SystemClock

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "campaign.md"
BATCHES_OF = {"engine": "test_engine", "scheduler": "test_scheduler"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seeds",
        type=int,
        default=100_000,
        help="of the engine; 1/16 of them are played with the whole scheduler",
    )
    parser.add_argument("--tasks", type=int, default=500, help="of each run in which all is killed")
    parser.add_argument("--kill-seeds", type=int, default=1, help="how often that is done")
    parser.add_argument("--processes", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder)
        clock = SystemClock()
        began = clock.monotonic()
        failed = _kill_anything(counts, options.tasks, options.kill_seeds)
        failed += _pytest(
            ["tests/sim/test_engine.py", "tests/sim/test_scheduler.py"],
            counts,
            f"--seeds={options.seeds}",
            f"-n{options.processes}",
        )
        REPORT.write_text(_report(counts, clock.monotonic() - began, failed), encoding="utf-8")
    print(f"{REPORT} is written; {'something failed' if failed else 'everything held'}")
    return 1 if failed else 0


def _kill_anything(counts: Path, tasks: int, seeds: int) -> int:
    failed = 0
    for seed in range(1, seeds + 1):
        os.environ["TRADEWIND_KILL_SEED"] = str(seed)
        os.environ["TRADEWIND_KILL_TASKS"] = str(tasks)
        os.environ["TRADEWIND_CELERY_TASKS"] = str(4 * tasks)
        os.environ["TRADEWIND_OUTPUT_MIB"] = "1024" if seed == 1 else "100"
        tests = [
            "tests/acceptance/test_kill_anything.py",
            "tests/acceptance/test_worker_output.py",
            "tests/acceptance/test_celery_workers.py",
        ]
        failed += _pytest(tests, counts, "-n1")
    return failed


def _pytest(tests: list[str], counts: Path, *options: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *options, f"--counts={counts}", *tests]
    return int(subprocess.run(command, cwd=ROOT, check=False).returncode != 0)


def _report(counts: Path, seconds: float, failed: int) -> str:
    command = ["git", "log", "-1", "--format=%h of %cs"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    verdict = "Everything held." if not failed else "Something failed: see the output of the run."
    played = (
        f"{SystemClock().now():%Y-%m-%d}, commit {asked.stdout.strip()}, {seconds / 60:.0f} min "
        f"on {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    parts = [
        "# Campaign\n",
        "Written by `make campaign`; `docs/guarantees.md` says what it shows.\n",
        f"* {played}\n* {verdict}\n",
        "## Anything is killed while tasks run\n",
        _killed(counts),
    ]
    for name, module in BATCHES_OF.items():
        parts += [f"## Simulation of the {name}\n", _simulated(counts, module)]
    return "\n".join(parts)


def _killed(counts: Path) -> str:
    rows = [
        "| database | seed | tasks | killed | attempts hit | starts | retries | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for path in sorted((counts / "killed").glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        killed = ", ".join(f"{n} × {what}" for what, n in sorted(one["killed"].items()))
        cells = (
            one["database"],
            one["seed"],
            one["tasks"],
            killed,
            one["hit"],
            one["starts"],
            one["retries"],
            f"{one['seconds']:.0f}",
        )
        rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _simulated(counts: Path, module: str) -> str:
    total: Counter[str] = Counter()
    seeds = 0
    for path in (counts / module).glob("*/*.json"):
        one = json.loads(path.read_text(encoding="utf-8"))
        seeds += one.pop("seeds", 0)
        total.update(one)
    rows = [f"{seeds} seeds.\n", "| what happened | times |", "|---|---|"]
    rows += [f"| {what} | {times} |" for what, times in sorted(total.items())]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
