"""The commands of `tradewind db` and `tradewind jobs`."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from tradewind.cli.session import configuration, database
from tradewind.clock import SystemClock
from tradewind.store import components
from tradewind.store.connect import open_database
from tradewind.store.migrate import check as check_schema
from tradewind.store.migrate import migrate as migrate_schema

_FRESH = timedelta(seconds=30)
_KINDS = {
    "SchedulerJob": "scheduler",
    "DagProcessorJob": "dag_processor",
    "TriggererJob": "triggerer",
}


@click.group()
def db() -> None:
    """Make and check the metadata database."""


@db.command()
def migrate() -> None:
    """Bring the schema up to date; makes the tables of an empty database."""
    opened = open_database(configuration().database.sql_alchemy_conn)
    before = migrate_schema(opened)
    opened.close()
    click.echo("the database is up to date" if before else "the tables were made")


db.add_command(migrate, "init")


@db.command()
def check() -> None:
    """Check that the database can be reached and has this version's schema."""
    opened = open_database(configuration().database.sql_alchemy_conn)
    try:
        check_schema(opened)
    finally:
        opened.close()
    click.echo("the database is there and up to date")


@click.group()
def jobs() -> None:
    """Check that parts are alive."""


@jobs.command("check")
@click.option("--job-type", type=click.Choice(sorted(_KINDS)), default="SchedulerJob")
def check_jobs(job_type: str) -> None:
    """Exit with 0 when a part has beaten within 30 s, else with 1."""
    with database() as opened:
        part = components.latest(opened, _KINDS[job_type])
    if part is None or part.stopped_at or SystemClock().now() - part.beat_at > _FRESH:
        click.echo(f"no {job_type} is alive", err=True)
        sys.exit(1)
    click.echo(f"{job_type} is alive on {part.host} (pid {part.pid})")
