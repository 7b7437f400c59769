"""A measured figure, the goal it is held against, and how both are shown."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLUMNS = ("what", "database", "measured", "must", "", "limit", "ratio", "must", "", "Airflow")
BUSY = 1.0
"""A load average above this means that others used the machine."""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    goal: what it must reach; at most, unless `at_least`. limit: what the limit program reached
    in the same run; `of_limit` is how many times it (or, when `at_least`, which part of it)
    must be reached. airflow: Apache Airflow 3.3.2's figure, defaults / tuned.
    """

    what: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    limit: float | None = None
    of_limit: float | None = None
    database: str = ""
    airflow: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Return how many times the limit program's figure this is."""
        return self.value / self.limit if self.limit else None

    @property
    def goal_met(self) -> bool | None:
        """Tell whether the goal is reached; None without one."""
        return None if self.goal is None else self._reaches(self.value, self.goal)

    @property
    def limit_met(self) -> bool | None:
        """Tell whether it is near enough to the limit program; None when not compared."""
        if self.ratio is None or self.of_limit is None:
            return None
        return self._reaches(self.ratio, self.of_limit)

    @property
    def missed(self) -> bool:
        """Tell whether something that it must reach is not reached."""
        return self.goal_met is False or self.limit_met is False

    def _reaches(self, value: float, goal: float) -> bool:
        return value >= goal if self.at_least else value <= goal


def show(figures: Sequence[Figure]) -> str:
    """Return the figures as a table for the terminal."""
    rows = [COLUMNS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown(figures: Sequence[Figure], *, load: float) -> str:
    """Return the figures as a page of the documentation."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(_row(figure) for figure in figures)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return PAGE.format(
        machine=machine, day=f"{datetime.now(UTC):%Y-%m-%d}", busy=busy_note(load), table=table
    )


def busy_note(load: float) -> str:
    """Return a warning when others used the machine meanwhile, else nothing."""
    if load <= BUSY:
        return ""
    return (
        f"Others used the machine meanwhile (load average {load:.1f} before a measurement): "
        "look at the ratios, not at the times."
    )


PAGE = """# Benchmarks

Written by `make bench ARGS="--write"`; do not edit by hand.

Measured on {day}: {machine}. {busy}

*measured* is the median of several rounds. *limit* is what a bare-metal program reached in the
same run, its rounds alternating with ours: it forks one process for each task from a warm
process, commits three row changes durably for each, and does nothing else (`bench/limit.py`).
Times differ from machine to machine; the *ratio* to the limit hardly does. Every task of ours is
a process of its own, and every commit is durable (SQLite with `synchronous=FULL`, PostgreSQL with
`synchronous_commit=on`).

*Airflow* is Apache Airflow 3.3.2 on another machine of 2 cores (24 GiB, Debian 12, Python 3.11):
with `airflow standalone`'s defaults (SQLite) / tuned, with PostgreSQL and `synchronous_commit`
off.

{table}
"""


def _row(figure: Figure) -> tuple[str, ...]:
    sign = "≥" if figure.at_least else "≤"
    return (
        figure.what,
        figure.database,
        f"{_number(figure.value)} {figure.unit}",
        "" if figure.goal is None else f"{sign} {_number(figure.goal)}",
        _mark(figure.goal_met),
        "" if figure.limit is None else _number(figure.limit),
        "" if figure.ratio is None else f"{figure.ratio:.2f} ×",
        "" if figure.of_limit is None or figure.limit is None else f"{sign} {figure.of_limit:g} ×",
        _mark(figure.limit_met),
        figure.airflow,
    )


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _mark(met: bool | None) -> str:
    return {None: "", True: "ok", False: "MISSED"}[met]


def save(figures: Sequence[Figure], path: Path, *, quick: bool, load: float) -> None:
    """Write the figures as JSON, with the machine they were measured on."""
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": sys.version.split()[0],
            "load_before": load,
        },
        "figures": [
            {
                **asdict(figure),
                "ratio": figure.ratio,
                "goal_met": figure.goal_met,
                "limit_met": figure.limit_met,
            }
            for figure in figures
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which this part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]
