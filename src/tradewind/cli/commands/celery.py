"""`tradewind celery`: workers that take tasks from a message broker."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import Any

import click
import msgspec

from tradewind.cli.main import FAILED, Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell
from tradewind.errors import NotFound


@click.group("celery", cls=Group)
def celery_command() -> None:
    """Run and look after workers that take tasks from a message broker."""


@celery_command.command("worker")
@click.option("--queues", "-q", help="Queues to take tasks from, separated by commas.")
@click.option("--concurrency", "-c", type=click.IntRange(min=1), help="Most tasks at once.")
@click.option("--autoscale", "-a", metavar="MAX,MIN", help="Most and fewest tasks at once.")
@click.option("--celery-hostname", "-H", "name", default="", help="Its name among all workers.")
@click.pass_obj
def celery_worker(
    shell: Shell, queues: str | None, concurrency: int | None, autoscale: str | None, name: str
) -> None:
    """Run a worker until SIGTERM; it takes tasks from the broker and speaks to an API server."""
    from tradewind.cli.parts import (
        remote_worker_command_line,
        set_up_part,
        user_code_environment,
    )
    from tradewind.executors.celery.settings import broker_of

    config = shell.config
    broker_of(config)  # What is wrong with it is said before anything starts.
    node = node_name(name, socket.gethostname())
    config.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours, theirs = socket.socketpair()
    with theirs:
        # A program of its own: it runs user code, and this one has the broker's credentials.
        supervisor = subprocess.Popen(
            remote_worker_command_line(config, node.partition("@")[0], theirs.fileno()),
            env=user_code_environment(config, shell.env),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    set_up_part(config, "worker")
    from tradewind.worker.celery.service import consume, options_of

    try:
        wanted = [q.strip() for q in (queues or "").split(",") if q.strip()]
        options = options_of(config, node, wanted, concurrency, autoscale)
        code = consume(config, options, ours, supervisor.pid)
    finally:
        ours.close()  # It drains, and ends.
        supervisor.wait()
    if code:
        raise click.exceptions.Exit(code)


@celery_command.command("status")
@click.option("--timeout", default=1.0, show_default=True, help="Seconds to wait for answers.")
@output_option
@click.pass_obj
def celery_status(shell: Shell, timeout: float, output: str) -> None:
    """Show the workers that answer; fails when none does."""
    from tradewind.executors.celery.remote_control import Workers

    workers = Workers(shell.config, timeout)
    try:
        found = workers.status()
    finally:
        workers.close()
    rows = [
        {
            "worker": status.worker,
            "running": status.running,
            "slots": status.slots,
            "queues": ", ".join(status.queues),
            "pid": status.pid,
            "uptime_s": status.uptime_s,
            "taken": status.taken,
        }
        for status in found
    ]
    emit(rows, output, none="no Celery worker answers; start one with `tradewind celery worker`")
    if not found:
        raise click.exceptions.Exit(FAILED)


@celery_command.command("inspect")
@click.argument("question")
@click.argument("workers", nargs=-1)
@click.option("--timeout", default=1.0, show_default=True, help="Seconds to wait for answers.")
@click.pass_obj
def celery_inspect(shell: Shell, question: str, workers: tuple[str, ...], timeout: float) -> None:
    """Ask all workers, or these: active, reserved, revoked, active_queues, stats, report, ping.

    Prints JSON, by worker.
    """
    from tradewind.executors.celery.remote_control import QUESTIONS, Workers

    if question not in QUESTIONS:
        raise click.UsageError(f"There is no question {question!r}: {', '.join(QUESTIONS)}.")
    asked = Workers(shell.config, timeout)
    try:
        answers = asked.ask(question, workers)
    finally:
        asked.close()
    emit_json(answers)
    if missing := sorted(set(workers) - answers.keys()):
        raise NotFound(f"no answer from {', '.join(missing)}; `tradewind celery status` shows all")


@celery_command.command("stop")
@click.argument("workers", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every worker at the broker.")
@click.pass_obj
def celery_stop(shell: Shell, workers: tuple[str, ...], everyone: bool) -> None:
    """Stop workers when what they run has ended; without a name, the one on this machine."""
    from tradewind.executors.celery.remote_control import Workers

    asked = Workers(shell.config)
    try:
        there = asked.ask("ping")
        wanted = list(there) if everyone else list(workers) or [node_name("", socket.gethostname())]
        if missing := sorted(set(wanted) - there.keys()):
            known = ", ".join(sorted(there)) or "none"
            raise NotFound(f"no answer from {', '.join(missing)}; workers that answer: {known}")
        asked.stop(wanted)
    finally:
        asked.close()
    for name in sorted(wanted):
        click.echo(f"{name} ends when what it runs has ended")


def emit_json(value: Any) -> None:
    """Print JSON for people and programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def node_name(given: str, host: str) -> str:
    """Return a worker's name among all: "name@host".

    Raises:
        click.UsageError: it has characters that do not fit into a queue's name.
    """
    name = given if "@" in given else f"{given or 'worker'}@{host}"
    if not re.fullmatch(r"[\w.-]+@[\w.-]+", name):
        raise click.UsageError(f"{given!r} is no name for a worker; like worker1 or worker1@host")
    return name
