"""`tradewind run`: run a DAG file with no server and no database."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.shell import conf_of
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    from tradewind.cli.watching import Watcher
    from tradewind.testing.runs import FinishedRun

_INTERRUPTED = 130


@click.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dag", "dag_id", help="Which DAG of the file; needed when it has several.")
@click.option("--conf", help='The run\'s configuration, a JSON object like {"n": 3}.')
@click.option("--task", "tasks", multiple=True, help="Run only this task; may be repeated.")
@click.option("--logical-date", type=click.DateTime(), help="What the run is about (now).")
@click.option("--mark-success", metavar="PATTERN", help="Tasks that succeed without running.")
@click.option("--variables", type=click.Path(exists=True), help="Variables: .json, .yaml, .env.")
@click.option("--connections", type=click.Path(exists=True), help="Connections, likewise.")
@click.option("--parallel", type=click.IntRange(1), help="Most tasks at once (twice the cores).")
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
def run_command(
    file: Path,
    dag_id: str | None,
    conf: str | None,
    tasks: tuple[str, ...],
    logical_date: datetime | None,
    mark_success: str | None,
    variables: str | None,
    connections: str | None,
    parallel: int | None,
    *,
    plain: bool,
) -> None:
    """Run the DAG in FILE with no server, each task in a process of its own.

    Variables and connections come from the environment and from files. Exit code: 0 the run
    succeeded, 1 it failed, 130 it was interrupted.
    """
    from tradewind.cli.watching import watcher
    from tradewind.testing.files import read_connections, read_variables
    from tradewind.testing.store import MemoryStore

    store = MemoryStore(
        read_variables(variables) if variables else {},
        read_connections(connections) if connections else {},
    )
    dags = _load(file, store)
    dag = _chosen(dags, file, dag_id)
    if tasks:
        dag = dag.partial_subset(list(tasks), include_upstream=False)
    shown = watcher(live=sys.stdout.isatty() and not plain)
    at = logical_date.replace(tzinfo=logical_date.tzinfo or UTC) if logical_date else None
    with shown:
        finished = _run({**dags, dag.dag_id: dag}, dag, store, shown, conf_of(conf), at,
                        mark_success, parallel)  # fmt: skip
    if finished is None:
        click.echo("interrupted; the tasks that ran were stopped", err=True)
        raise click.exceptions.Exit(_INTERRUPTED)
    shown.summary(finished)
    if finished.state != "success":
        raise click.exceptions.Exit(1)


def _run(
    dags: dict[str, Any],
    dag: Any,
    store: Any,
    shown: Watcher,
    conf: dict[str, Any],
    logical_date: datetime | None,
    mark_success: str | None,
    parallel: int | None,
) -> FinishedRun | None:
    """Run the DAG; None when Ctrl-C ended it."""
    import os

    from tradewind.sdk.waiting import SystemWaiter
    from tradewind.testing.forked import ForkedAttempts
    from tradewind.testing.runner import Runner

    clock = SystemWaiter()
    runner = Runner(
        dags,
        store=store,
        clock=clock,
        make_attempts=lambda made: ForkedAttempts(made.loop, made.answer, made.wake, shown.line),
        parallelism=parallel or 2 * (os.cpu_count() or 1),
        mark_success=mark_success,
        observer=shown,
    )
    with closing(runner):
        try:
            run_pk = runner.create(dag.dag_id, logical_date=logical_date or clock.now(), conf=conf)
            runner.drive()
        except KeyboardInterrupt:
            return None
        return runner.finished(run_pk)


def _load(file: Path, store: Any) -> dict[str, Any]:
    """Import the file; what it reads at the top comes from the environment and the store."""
    from tradewind.compat import airflow
    from tradewind.processor.report import describe
    from tradewind.sdk import defaults, runtime
    from tradewind.sdk.loading import load_dag_file
    from tradewind.testing.parsing import ParseRuntime

    path = file.resolve()
    before = runtime.install(ParseRuntime(store))
    airflow.install()
    defaults.install_from(os.environ)  # there for `dags test` and `tasks test`
    try:
        loaded = load_dag_file(str(path), str(path.parent))
    except (Exception, SystemExit) as error:
        text = describe(error, str(path.parent), 0)
        raise UserError(f"{file} cannot be imported:\n{text.rstrip()}") from error
    finally:
        runtime.install(before)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    return loaded.dags


def _chosen(dags: dict[str, Any], file: Path, dag_id: str | None) -> Any:
    if dag_id is not None:
        if dag_id not in dags:
            raise NotFound(f"{file} has no DAG {dag_id!r}; it has: {_names(dags)}")
        return dags[dag_id]
    if not dags:
        raise NotFound(f"{file} defines no DAG: make one with `with DAG(...):` or call a @dag")
    if len(dags) > 1:
        raise UserError(f"{file} has several DAGs; choose one with --dag: {_names(dags)}")
    return next(iter(dags.values()))


def _names(dags: dict[str, Any]) -> str:
    return ", ".join(sorted(dags)) or "none"
