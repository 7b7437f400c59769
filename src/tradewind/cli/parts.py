"""`tradewind scheduler`, `dag-processor`, `worker`, `triggerer`, `standalone`: what runs on."""

from __future__ import annotations

import os

import click

from tradewind.config import load_config


@click.command()
def scheduler() -> None:
    """Run a scheduler: it leads, or stands by while another does."""
    from tradewind.log import set_up
    from tradewind.scheduler.service import serve

    set_up("scheduler")
    serve(load_config(os.environ))


@click.command("dag-processor")
def dag_processor() -> None:
    """Run a DAG processor."""
    from tradewind.log import set_up
    from tradewind.processor.service import serve

    set_up("processor")
    serve(load_config(os.environ), os.environ)


@click.command()
def worker() -> None:
    """Run this machine's worker for LocalExecutor."""
    from tradewind.cli.launch import worker_settings
    from tradewind.log import set_up
    from tradewind.worker.service import serve

    set_up("worker")
    serve(worker_settings(load_config(os.environ)))


@click.command()
def triggerer() -> None:
    """Run this machine's triggerer: it waits for what deferred tasks wait for."""
    from tradewind.cli.launch import triggerer_command_line
    from tradewind.config import without_credentials

    command = triggerer_command_line(load_config(os.environ))
    os.execve(command[0], command, without_credentials(os.environ))


@click.command()
@click.option("--port", type=int, help="Port of the web page; 0 picks a free one.")
def standalone(port: int | None) -> None:
    """Run scheduler, worker, DAG processor and web page in one command."""
    from tradewind.cli.launch import Launcher
    from tradewind.log import set_up

    set_up("standalone")
    options = {} if port is None else {"api.port": ("--port", str(port))}
    Launcher(load_config(os.environ, options=options)).run()
