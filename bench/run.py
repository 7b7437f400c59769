"""Measure every figure that the project claims, beside the limit of this machine.

    make bench                                              everything, SQLite and PostgreSQL
    make bench ARGS="--only chain --only latency --quick"   some of it, with few repeats
    make bench ARGS="--url postgresql://user@host/postgres" on this server instead of a private one
    make bench ARGS="--write"                               and write docs/benchmarks.md
    make bench ARGS="--list"                                what can be measured

Prints a table, then one line of JSON. Times are only worth something when nothing else runs on
the machine; the ratios to the limit program, measured in turns with the product, also otherwise.
The exit code is 1 when something could not be measured, and with --strict also when a figure
missed what it must reach.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from context import POSTGRESQL, SQLITE, Context
from figures import Figure, busy_note, markdown, save, show
from postgres import Missing, server_at

CLAIMS = (
    "chain",
    "parallel",
    "celery",
    "kubernetes",
    "many",
    "latency",
    "visible",
    "startup",
    "idle",
    "imports",
    "engine",
    "history",
    "clean",
    "dags",
    "api",
    "install",
)
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> int:
    given = arguments()
    if given.list:
        for name in CLAIMS:
            module = import_module(f"claims.{name}")
            print(f"{name:10} {(module.__doc__ or '').strip()}")
        return 0
    # A measured process must be able to keep its bytecode, as an installed one does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    load = os.getloadavg()[0]
    with contexts(given.db, given.url, quick=given.quick) as context:
        figures, failed = measure(context, given.only or CLAIMS)
    print(show(figures))
    if note := busy_note(load):
        print(f"\n{note}")
    print(json.dumps({figure_name(f): round(f.value, 4) for f in figures}, ensure_ascii=False))
    if given.json is not None:
        save(figures, given.json, quick=given.quick, load=load)
    if given.write:
        PAGE.write_text(markdown(figures, load=load), encoding="utf-8")
    missed = any(figure.missed for figure in figures)
    return 1 if failed or (given.strict and missed) else 0


def figure_name(figure: Figure) -> str:
    return f"{figure.what} ({figure.database})" if figure.database else figure.what


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=CLAIMS, help="may be repeated")
    parser.add_argument("--url", help="of a PostgreSQL server where databases may be made")
    parser.add_argument("--db", choices=(SQLITE, POSTGRESQL, "both"))
    parser.add_argument("--quick", action="store_true", help="a few repeats, for a first look")
    parser.add_argument("--json", type=Path, help="write the figures with details to this file")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--strict", action="store_true", help="fail when a figure misses its mark")
    parser.add_argument("--list", action="store_true", help="show what can be measured")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("--write writes the whole page: leave --only out")
    if given.db is None:
        given.db = POSTGRESQL if given.url else "both"
    return given


@contextmanager
def contexts(database: str, url: str | None, *, quick: bool) -> Iterator[Context]:
    """Yield how to measure, with a PostgreSQL server when one is wanted and there."""
    wanted = (SQLITE, POSTGRESQL) if database == "both" else (database,)
    if POSTGRESQL not in wanted:
        yield Context(quick=quick, databases=wanted)
        return
    try:
        server = server_at(url)
    except Missing as error:
        if database != "both":
            raise SystemExit(str(error)) from error
        print(f"without PostgreSQL: {error}", file=sys.stderr)
        yield Context(quick=quick, databases=(SQLITE,))
        return
    with server:
        yield Context(quick=quick, databases=wanted, server=server)


def measure(context: Context, names: Iterable[str]) -> tuple[list[Figure], list[str]]:
    """Measure each claim; one that fails does not stop the others."""
    figures: list[Figure] = []
    failed: list[str] = []
    for name in names:
        start = time.monotonic()
        try:
            module: ModuleType = import_module(f"claims.{name}")
            for figure in module.measure(context):
                figures.append(figure)
                print(show([figure]).splitlines()[-1], file=sys.stderr, flush=True)
        except Exception:  # noqa: BLE001  whatever it is, the other claims can be measured
            traceback.print_exc()
            failed.append(name)
        print(f"[{name}: {time.monotonic() - start:.0f} s]", file=sys.stderr, flush=True)
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return figures, failed


if __name__ == "__main__":
    sys.exit(main())
