"""Measure the figures that the README claims, beside the limit of this machine.

    python bench/run.py                      everything, on SQLite and PostgreSQL
    python bench/run.py chain latency        some of it
    python bench/run.py --quick --db sqlite  a few repeats only
    python bench/run.py --list

Nothing else should run on the machine meanwhile. The figures go to a table and, with --json,
to a file. The exit code is 1 when something could not be measured, and with --strict also
when a goal was missed.
"""

from __future__ import annotations

import argparse
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
from figures import Figure, save, show
from postgres import Missing, open_server

CLAIMS = (
    "chain",
    "parallel",
    "many",
    "latency",
    "visible",
    "startup",
    "idle",
    "imports",
    "engine",
    "history",
    "dags",
    "install",
)


def main() -> int:
    given = arguments()
    modules = {name: import_module(f"claims.{name}") for name in CLAIMS}
    if given.list:
        for name, module in modules.items():
            print(f"{name:10} {(module.__doc__ or '').strip()}")
        return 0
    # A measured process must be able to keep its bytecode, as an installed one does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with contexts(given.db, quick=given.quick) as context:
        figures, failed = measure(context, [modules[name] for name in given.claims or CLAIMS])
    print(show(figures))
    if given.json is not None:
        save(figures, given.json, quick=given.quick)
    missed = [f for f in figures if f.goal_met is False or f.limit_met is False]
    return 1 if failed or (given.strict and missed) else 0


def arguments() -> argparse.Namespace:
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"of: {', '.join(CLAIMS)}")
    parser.add_argument("--db", choices=(SQLITE, POSTGRESQL, "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="a few repeats, for a first look")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--strict", action="store_true", help="fail when a goal is missed")
    parser.add_argument("--list", action="store_true", help="show what can be measured")
    given = parser.parse_args()
    if unknown := set(given.claims) - set(CLAIMS):
        parser.error(f"no such claim: {', '.join(sorted(unknown))}; see --list")
    return given


@contextmanager
def contexts(database: str, *, quick: bool) -> Iterator[Context]:
    """Yield how to measure, with a PostgreSQL server when one is wanted and there."""
    wanted = (SQLITE, POSTGRESQL) if database == "both" else (database,)
    if POSTGRESQL not in wanted:
        yield Context(quick=quick, databases=wanted)
        return
    try:
        server = open_server()
    except Missing as error:
        if database != "both":
            raise SystemExit(str(error)) from error
        print(f"without PostgreSQL: {error}", file=sys.stderr)
        yield Context(quick=quick, databases=(SQLITE,))
        return
    with server:
        yield Context(quick=quick, databases=wanted, server=server)


def measure(context: Context, modules: Iterable[ModuleType]) -> tuple[list[Figure], list[str]]:
    """Measure each claim; one that fails does not stop the others."""
    figures: list[Figure] = []
    failed: list[str] = []
    for module in modules:
        name = module.__name__.removeprefix("claims.")
        start = time.monotonic()
        try:
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
