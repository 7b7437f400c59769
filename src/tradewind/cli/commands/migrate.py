"""`tradewind migrate`: come over from Airflow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click
import msgspec

from tradewind.cli.main import Group
from tradewind.cli.output import counting, emit, output_option
from tradewind.cli.shell import Shell
from tradewind.errors import UserError


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
