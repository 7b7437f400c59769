"""The parts of Tradewind as commands of their own, for more than one machine."""

from __future__ import annotations

import logging
import os

import click

from tradewind.cli.shell import Shell


@click.command("scheduler")
@click.pass_obj
def scheduler_command(shell: Shell) -> None:
    """Run the scheduler until SIGTERM; a second one stands by."""
    from tradewind.cli.parts import set_up_part
    from tradewind.scheduler.service import serve

    set_up_part(shell.config, "scheduler")
    shell.config.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _ = shell.db  # Its schema is checked before anything starts.
    serve(shell.config)


@click.command("dag-processor")
@click.pass_obj
def dag_processor_command(shell: Shell) -> None:
    """Run the DAG processor until SIGTERM."""
    from tradewind.cli.parts import set_up_part
    from tradewind.processor.service import serve

    set_up_part(shell.config, "processor")
    serve(shell.config, shell.env)


@click.command("worker")
@click.pass_obj
def worker_command(shell: Shell) -> None:
    """Run the worker of this machine until SIGTERM; it serves the scheduler on this machine."""
    from tradewind.cli.parts import user_code_environment, worker_command_line

    command = worker_command_line(shell.config)
    os.execve(command[0], command, user_code_environment(shell.config, shell.env))


@click.command("triggerer")
@click.pass_obj
def triggerer_command(shell: Shell) -> None:
    """Run the triggerer until SIGTERM; it serves the scheduler on this machine."""
    from tradewind.cli.parts import triggerer_command_line, user_code_environment

    command = triggerer_command_line(shell.config)
    os.execve(command[0], command, user_code_environment(shell.config, shell.env))


@click.command("api-server")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.")
@click.pass_obj
def api_server_command(shell: Shell, port: int | None) -> None:
    """Run the web server until SIGTERM."""
    from tradewind.cli.parts import set_up_part
    from tradewind.config import load_config
    from tradewind.web.service import listen, serve, url_of

    log = logging.getLogger("tradewind.web")
    options = {"api.port": ("--port", str(port))} if port is not None else {}
    config = load_config(shell.env, options=options)
    set_up_part(config, "web")
    _ = shell.db
    listener = listen(config)
    serve(config, listener, lambda: log.info("listening on %s", url_of(listener)))
