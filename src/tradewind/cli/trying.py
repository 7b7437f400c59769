"""Try a DAG out: run its file with no server, in a process that is given no credentials."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from tradewind.cli.shell import Shell
from tradewind.errors import NotFound


def try_dag(
    shell: Shell,
    dag_id: str,
    *,
    file: Path | None,
    logical_date: datetime | None,
    options: Sequence[str],
) -> None:
    """Run a DAG as `tradewind run` does; the command ends with its exit code.

    Args:
        shell: finds the DAG's file, and knows the deployment's defaults.
        dag_id: the DAG.
        file: the DAG file; None looks it up in the database.
        logical_date: of the run; None is now.
        options: more options of `tradewind run`.

    Raises:
        NotFound: there is no such DAG, or its file is gone.
    """
    from tradewind.cli.parts import user_code_environment

    path = file or shell.config.core.dags_folder / shell.dag(dag_id).dag_file
    if not path.is_file():
        raise NotFound(f"the file {path} of DAG {dag_id!r} is not there; name it with --file")
    command = [sys.executable, "-m", "tradewind.cli", "run", str(path), "--dag", dag_id, *options]
    if logical_date is not None:
        command += ["--logical-date", logical_date.strftime("%Y-%m-%dT%H:%M:%S")]
    env = user_code_environment(shell.config, shell.env)
    code = subprocess.run(command, env=env, check=False).returncode
    if code:
        raise click.exceptions.Exit(code)
