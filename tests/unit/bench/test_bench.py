"""The measuring programs run, and say so when a mark is missed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "bench"


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], check=True, capture_output=True, text=True, cwd=BENCH
    )
    return done.stdout


def test_the_limit_program_runs_every_task_and_counts_its_commits() -> None:
    lines = run("limit.py", "--chain", "3", "--wide", "6", "--parallel", "2", "--runs", "1")
    chain, wide = map(json.loads, lines.splitlines())
    assert (chain["shape"], chain["n"], wide["shape"], wide["n"]) == ("chain", 3, "wide", 6)
    # One for the first task, then for each the message that it began and the one that it ended.
    assert 2 <= chain["commits_per_task"] * 3 <= 7
    assert wide["tasks_per_s"] > 0


def test_every_claim_can_be_imported_and_says_what_it_measures() -> None:
    lines = run("run.py", "--list").splitlines()
    assert len(lines) == len(list((BENCH / "claims").glob("*.py")))
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


FIGURES = """
from figures import Figure, markdown, show
figures = [
    Figure(what="fast", value=0.2, unit="s", goal=0.4, limit=0.1, of_limit=3),
    Figure(what="slow", value=0.5, unit="s", goal=0.4, limit=0.1, of_limit=3),
    Figure(what="few", value=90, unit="tasks/s", goal=100, limit=150, of_limit=0.5, at_least=True),
]
print(show(figures))
print([figure.missed for figure in figures])
print(markdown(figures, load=3.0))
"""


def test_a_missed_mark_is_shown() -> None:
    text = run("-c", FIGURES)
    assert "[False, True, True]" in text
    slow = next(line for line in text.splitlines() if line.startswith("slow"))
    assert slow.count("MISSED") == 2
    assert "5.00 ×" in slow
    few = next(line for line in text.splitlines() if line.startswith("few"))
    assert few.count("MISSED") == 1
    assert few.split()[-1] == "ok"
    assert "Others used the machine meanwhile (load average 3.0" in text
    assert "| slow |" in text
