"""`tradewind standalone`: everything on this machine, in one command."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import click

from tradewind import __version__
from tradewind.cli.launcher import Launcher, open_bell, share_memory
from tradewind.cli.parts import server_parts, set_up_part, triggerer_part, worker_part
from tradewind.cli.shell import Shell
from tradewind.clock import Clock
from tradewind.config import Config, load_config
from tradewind.errors import ConfigError


@click.command("standalone")
@click.option("--port", type=int, help="Port of the web server; 0 takes a free one.")
@click.option("--dags-folder", type=click.Path(file_okay=False), help="Folder with the DAG files.")
@click.option("--load-examples", is_flag=True, help="Also load the example DAGs.")
@click.pass_obj
def standalone_command(
    shell: Shell,
    port: int | None,
    dags_folder: str | None,
    load_examples: bool,
) -> None:
    """Run everything on this machine: scheduler, DAG processor, worker and web server.

    The state (database, logs, keys) lives under TRADEWIND_HOME, by default ~/tradewind.
    Ctrl-C stops it; running tasks get a moment to finish.
    """
    options = {
        "api.port": ("--port", str(port) if port is not None else ""),
        "core.dags_folder": ("--dags-folder", dags_folder or ""),
        "core.load_examples": ("--load-examples", "true" if load_examples else ""),
    }
    given = {name: option for name, option in options.items() if option[1]}
    stand_alone(load_config(shell.env, options=given), shell.env, shell.clock)


def stand_alone(config: Config, env: Mapping[str, str], clock: Clock) -> None:
    """Run until told to stop.

    Raises:
        ConfigError: another standalone runs on this home, the port is taken, or the database
            is not right.
    """
    began = clock.monotonic()
    _make_folders(config)
    lock = _lock(config.run_dir / "standalone.lock")
    set_up_part(config, "launcher")
    bell = open_bell(config.run_dir / "launcher.bell")
    launcher = Launcher(bell, clock)
    try:
        # The worker imports what user code needs on another core meanwhile.
        launcher.add([worker_part(config, env), triggerer_part(config, env)])
        from tradewind.web.service import listen, url_of

        listener = listen(config)
        _prepare_database(config)
        answering, ready = os.pipe2(os.O_CLOEXEC)
        mine = [lock, bell.fileno(), answering]
        servers = server_parts(config, env, listener, ready, mine)
        share_memory()
        launcher.add(servers)

        def welcome() -> None:
            _welcome(config, url_of(listener), clock.monotonic() - began)

        launcher.run({answering: welcome})
    finally:
        launcher.stop()
        (config.run_dir / "launcher.bell").unlink(missing_ok=True)
        os.close(lock)


def _make_folders(config: Config) -> None:
    try:
        for folder in (config.home, config.run_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (config.core.dags_folder, config.logging.base_log_folder):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make {error.filename}: {error.strerror}; set TRADEWIND_HOME to a folder "
            "that you may write to"
        ) from error


def _lock(path: Path) -> int:
    """Hold this home for this process; the kernel lets go when it ends, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 64).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigError(
            f"another `tradewind standalone` uses {path.parent.parent} (process {holder}); "
            "stop it, or set TRADEWIND_HOME to another folder"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _prepare_database(config: Config) -> None:
    from tradewind.store.connect import open_database
    from tradewind.store.migrate import migrate
    from tradewind.store.secrets import ensure_key_file

    if not config.database.encryption_keys:
        ensure_key_file(config.key_file)
    db = open_database(config.database.sql_alchemy_conn)
    try:
        migrate(db, config.core.default_pool_task_slot_count)
    finally:
        db.close()


def _welcome(config: Config, url: str, took_s: float) -> None:
    address = click.style(url, bold=True)
    examples = " and the examples" if config.core.load_examples else ""
    click.echo(
        f"""
  Tradewind {__version__} is at {address} (ready in {took_s:.1f} s)

    Log-in     none is needed: only this machine can reach it
    DAG files  {config.core.dags_folder}{examples}
    State      {config.home}

  Ctrl-C stops it.
"""
    )
