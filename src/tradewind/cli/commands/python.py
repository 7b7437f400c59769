"""`tradewind python`: run a program in which `import airflow` leads to Tradewind."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import click

from tradewind.errors import NotFound


@click.command(
    "python",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("-m", "module", metavar="MODULE", help="Run a module in place of a file.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def python_command(module: str | None, args: tuple[str, ...]) -> None:
    """Run the Python program FILE, with its arguments, as `python FILE` does.

    `import airflow` in it leads to Tradewind's SDK, whether or not Apache Airflow is installed.
    So a DAG file that ends in `dag.test()` runs as it is: `tradewind python my_dag.py`.
    """
    from tradewind.compat import airflow
    from tradewind.sdk import defaults

    if module is None and not args:
        raise click.UsageError("Name the program: tradewind python FILE [ARGUMENTS].")
    defaults.install_from(os.environ)
    airflow.install()
    if module is not None:
        sys.argv = [module, *args]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    file = Path(args[0])
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    sys.argv = list(args)
    sys.path.insert(0, str(file.resolve().parent))
    runpy.run_path(str(file), run_name="__main__")
