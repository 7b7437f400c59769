"""`tradewind jobs`."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell

if TYPE_CHECKING:
    from tradewind.config import Config

KINDS = {
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
    "SchedulerJob": "scheduler",
    "DagProcessorJob": "dag_processor",
    "TriggererJob": "triggerer",
}
"""Our names and Airflow's, and the kind in the database."""

NEEDED = ("scheduler", "dag_processor")
"""A triggerer is started only when something defers."""


@click.group("jobs", cls=Group)
def jobs_command() -> None:
    """Check that the parts of Tradewind are alive."""


@jobs_command.command("check")
@click.option(
    "--job-type",
    type=click.Choice(list(KINDS), case_sensitive=False),
    help="Only this part.",
)
@click.option("--hostname", help="Only parts on this host.")
@click.option("--local", is_flag=True, help="Only parts on this host.")
@output_option
@click.pass_obj
def check_jobs(
    shell: Shell, job_type: str | None, hostname: str | None, local: bool, output: str
) -> None:
    """Fail unless the parts that are needed have given a sign of life lately."""
    from tradewind.store.read.parts import alive

    limits_s = silence_limits_s(shell.config)
    kinds = [KINDS[job_type]] if job_type else list(limits_s)
    needed = kinds if job_type else NEEDED
    host = socket.gethostname() if local else hostname
    rows, failed = [], False
    for kind in kinds:
        since = shell.clock.now() - timedelta(seconds=limits_s[kind])
        found = alive(shell.db, kind, since, host)
        failed |= not found and kind in needed
        rows += [
            {
                "part": kind,
                "status": "healthy",
                "host": part.host,
                "pid": part.pid,
                "latest_heartbeat": part.beat_at,
            }
            for part in found
        ] or [
            {
                "part": kind,
                "status": "unhealthy" if kind in needed else "not running",
                "host": host,
                "pid": None,
                "latest_heartbeat": None,
            }
        ]
    emit(rows, output)
    if failed:
        raise click.exceptions.Exit(FAILED)


def silence_limits_s(config: Config) -> dict[str, float]:
    """Return, by kind, after how many seconds of silence a part is unhealthy."""
    return {
        "scheduler": config.scheduler.health_threshold_s,
        "dag_processor": config.processor.health_threshold_s,
        "triggerer": config.triggerer.health_threshold_s,
    }
