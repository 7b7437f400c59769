"""`tradewind migrate`: come over from Airflow."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import counting, emit, output_option
from tradewind.cli.shell import Moment, Shell
from tradewind.errors import UserError

if TYPE_CHECKING:
    from tradewind.store.airflow_db.schedules import AirflowDag


@click.group("migrate", cls=Group)
def migrate_command() -> None:
    """Come over from Airflow."""


@migrate_command.command("check")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--notes", is_flag=True, help="Also show what runs, but could be written anew.")
@output_option
def check(path: Path, *, notes: bool, output: str) -> None:
    """Say what of a DAG folder will run, without running anything of it.

    PATH is a DAG file or a folder. Each file runs, needs a change, or is not supported; with
    the line and what to do about it.
    """
    from tradewind.compat.airflow.check import Verdict, check_folder

    reports = list(check_folder(path))
    if output in {"json", "yaml"}:
        emit([_whole(report) for report in reports], output)
        return
    rows: list[dict[str, Any]] = []
    for report in reports:
        shown = [f for f in report.findings if notes or f.verdict is not Verdict.RUNS]
        rows += [
            {
                "file": report.file,
                "line": str(finding.line),
                "verdict": finding.verdict.value,
                "what": finding.what,
                "fix": finding.fix,
            }
            for finding in shown
        ]
    emit(rows, output, none="nothing to do")
    counts = Counter(report.verdict for report in reports)
    told = ", ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict)
    click.echo(f"files: {len(reports)} ({told})", err=True)


def _whole(report: Any) -> dict[str, Any]:
    return {
        "file": report.file,
        "verdict": report.verdict.value,
        "airflow": report.airflow,
        "findings": [
            {**finding._asdict(), "verdict": finding.verdict.value} for finding in report.findings
        ],
    }


@migrate_command.command("import")
@click.option(
    "--from",
    "url",
    metavar="URL",
    help="Airflow's database; by default AIRFLOW__DATABASE__SQL_ALCHEMY_CONN.",
)
@click.option(
    "--fernet-key",
    metavar="KEYS",
    help="Airflow's key, or several with commas; by default AIRFLOW__CORE__FERNET_KEY.",
)
@click.option(
    "--only",
    type=click.Choice(["connections", "variables", "pools", "runs"]),
    multiple=True,
    help="Bring this part alone; may be given several times.",
)
@click.option("--overwrite", is_flag=True, help="Replace connections, variables and pools.")
@click.option("--dry-run", is_flag=True, help="Only say what would be brought over.")
@output_option
@click.pass_obj
def import_(
    shell: Shell,
    url: str | None,
    fernet_key: str | None,
    only: tuple[str, ...],
    overwrite: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Bring connections, variables, pools and past runs from an Airflow 2.10 to 3.3.

    Airflow's metadata DB is only read, and may be in use. Runs are brought that have ended, with
    their tasks and tries, of DAGs that are here already: let `tradewind dag-processor` read the DAG
    folder first. What exists is left alone, so that a second import brings what is new, and one
    that was stopped goes on. A DAG's schedule goes on after its newest run.
    """
    from tradewind.cli.importing import PARTS, Importer
    from tradewind.store.airflow_db import FernetKeys, open_airflow

    url = url or shell.env.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    if not url:
        raise UserError(
            "where is Airflow's database? give its URL with --from, like "
            "sqlite:////home/me/airflow/airflow.db or postgresql://user:password@host/airflow"
        )
    keys = FernetKeys(fernet_key or shell.env.get("AIRFLOW__CORE__FERNET_KEY"))
    source = open_airflow(url)
    try:
        importer = Importer(shell, source, keys, overwrite=overwrite, dry_run=dry_run)
        done = []
        for part in only or PARTS:
            if part != "runs":
                done.append(getattr(importer, part)())
                continue
            ended, _ = source.count_runs()
            with counting(ended, "Runs") as bar:
                done.append(importer.runs(bar.update))
    finally:
        source.close()
    rows = [msgspec.to_builtins(brought) for brought in done]
    if output not in {"json", "yaml"}:
        for row in rows:
            row["left_out"] = [f"{count} {why}" for why, count in row["left_out"].items()]
    emit(rows, output)
    if dry_run:
        click.echo("nothing was stored: --dry-run", err=True)


@migrate_command.command("shadow")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from", "url", metavar="URL", help="Airflow's database, which is only read.")
@click.option("--api", metavar="URL", help="Airflow's API server (Airflow 3), in its place.")
@click.option("--token", metavar="TOKEN", help="For the API; by default AIRFLOW_API_TOKEN.")
@click.option("--since", type=Moment(), help="From when on; by default a week ago.")
@click.option("--until", type=Moment(), help="Up to when; by default now.")
@click.option("--all", "everything", is_flag=True, help="Show the DAGs that agree, too.")
@output_option
@click.pass_obj
def shadow(
    shell: Shell,
    folder: Path,
    url: str | None,
    api: str | None,
    token: str | None,
    since: datetime | None,
    until: datetime | None,
    everything: bool,
    output: str,
) -> None:
    """Compare the runs that a live Airflow made with those that Tradewind would have made.

    FOLDER is the DAG folder. Its files are imported, no task is run, and neither Airflow nor
    Tradewind's own database is written to. The command fails when a DAG differs.
    """
    from tradewind.cli.folder_specs import read_folder
    from tradewind.cli.parts import user_code_environment
    from tradewind.cli.shadowing import Span, Verdict, compare_all

    end = until or shell.clock.now()
    span = Span(since or end - timedelta(days=7), end)
    theirs = _their_dags(shell, url, api, token, span)
    files = read_folder(
        folder,
        user_code_environment(shell.config, shell.env),
        timeout_s=shell.config.processor.parse_timeout_s,
    )
    specs = {spec.dag_id: spec for file in files for spec in file.specs}
    broken = {file.dag_file: file.error for file in files if file.error is not None}
    found = compare_all(specs, broken, theirs, span)
    if output in {"json", "yaml"}:
        emit([msgspec.to_builtins(one) for one in found], output)
    else:
        shown = [one for one in found if everything or one.verdict is not Verdict.SAME]
        rows = [
            {
                "dag_id": one.dag_id,
                "verdict": one.verdict.value,
                "same": one.same,
                "only_airflow": len(one.only_airflow),
                "only_here": len(one.only_here),
                "shifted": len(one.shifted),
                "reason": one.reason,
            }
            for one in shown
        ]
        emit(rows, output, none="every DAG agrees")
    for file, error in broken.items():
        click.echo(f"{file} does not load: {error.splitlines()[-1]}", err=True)
    counts = Counter(one.verdict for one in found)
    told = ", ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict)
    click.echo(f"DAGs: {len(found)} ({told})", err=True)
    if counts[Verdict.DIFFERENT]:
        raise click.exceptions.Exit(FAILED)


def _their_dags(
    shell: Shell, url: str | None, api: str | None, token: str | None, span: Any
) -> list[AirflowDag]:
    from tradewind.cli.airflow_api import AirflowApi
    from tradewind.store.airflow_db import open_airflow
    from tradewind.store.airflow_db.schedules import scheduled

    if api is not None:
        return AirflowApi(api, token or shell.env.get("AIRFLOW_API_TOKEN")).dags(span)
    url = url or shell.env.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    if not url:
        raise UserError(
            "where is Airflow? give its database with --from, or its API server with --api"
        )
    source = open_airflow(url)
    try:
        return scheduled(source, span.since, span.until)
    finally:
        source.close()
