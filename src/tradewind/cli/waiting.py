"""Wait for a run to end, showing how far it is."""

from __future__ import annotations

import select
import sys
from collections import Counter

import click

from tradewind.cli.shell import Shell
from tradewind.errors import NotFound
from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES
from tradewind.store.read import runs, tasks

_PAUSE_S = 0.2


def wait_for_run(shell: Shell, run: Run) -> Run:
    """Return the run once it has ended."""
    shown = ""
    while run.state not in TERMINAL_RUN_STATES:
        select.select([], [], [], _PAUSE_S)
        found = runs.run(shell.db, run.dag_id, run.run_id)
        if found is None:
            raise NotFound(f"run {run.run_id!r} of DAG {run.dag_id!r} was deleted meanwhile")
        run = found
        if sys.stderr.isatty():
            shown = _show(shell, run, shown)
    if shown:
        click.echo(err=True)
    return run


def _show(shell: Shell, run: Run, shown: str) -> str:
    counts = Counter(ti.state.value for ti in tasks.instances(shell.db, run.run_pk))
    text = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    line = f"{run.run_id} {run.state.value}  {text}"
    click.echo(f"\r{line:<{len(shown)}}", nl=False, err=True)
    return line
