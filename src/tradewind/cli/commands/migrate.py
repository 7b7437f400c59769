"""`tradewind migrate`: come over from Airflow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, output_option


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
