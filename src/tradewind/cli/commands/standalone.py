"""`tradewind standalone`: everything on this machine, in one command."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from tradewind import __version__
from tradewind.cli.aside import aside
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
        from tradewind.store.connect import open_database
        from tradewind.web.service import listen, url_of

        listener = listen(config)
        answering, ready = os.pipe2(os.O_CLOEXEC)
        mine = [lock, bell.fileno(), answering]
        servers = server_parts(config, env, listener, ready, mine)

        def prepare() -> str | None:
            return _prepare_database(config, clock)

        password = aside(prepare)
        # Nothing is connected; but the database's driver is loaded once, for all parts.
        open_database(config.database.sql_alchemy_conn).close()
        share_memory()
        launcher.add(servers)

        def welcome() -> None:
            took_s = clock.monotonic() - began
            _welcome(config, env, url_of(listener), _sign_in(config, password), took_s)

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


def _prepare_database(config: Config, clock: Clock) -> str | None:
    """Bring the database up to date; return the password of the administrator just made."""
    from tradewind.actions.accounts import first_admin
    from tradewind.store.connect import open_database
    from tradewind.store.migrate import migrate
    from tradewind.store.secrets import configured_keys

    configured_keys(config)
    db = open_database(config.database.sql_alchemy_conn)
    try:
        migrate(db, config.core.default_pool_task_slot_count)
        return None if config.api.trust_loopback else first_admin(db, clock)
    finally:
        db.close()


def _sign_in(config: Config, password: str | None) -> str:
    """Say how to sign in."""
    if config.api.trust_loopback:
        return "not needed: whoever uses this machine is its administrator"
    if password is None:
        return "as before; `tradewind users reset-password -u admin` if the password is lost"
    return f"admin, password {click.style(password, bold=True)} (shown only this once)"


def _commands(config: Config, env: Mapping[str, str]) -> str:
    """Return what to type in another terminal, so that commands find this installation."""
    program = Path(sys.argv[0])
    on_path = shutil.which(program.name, path=env.get("PATH", "")) == str(program)
    name = "tradewind" if on_path else shlex.quote(str(program))
    if program.suffix == ".py":
        name = "python -m tradewind.cli"
    default = load_config({k: v for k, v in env.items() if k in {"HOME", "PATH"}}).home
    home = "" if config.home == default else f"TRADEWIND_HOME={shlex.quote(str(config.home))} "
    return f"{home}{name} dags list"


def _welcome(config: Config, env: Mapping[str, str], url: str, sign_in: str, took_s: float) -> None:
    title = click.style("Tradewind", fg="cyan", bold=True)
    examples = " and the examples" if config.core.load_examples else ""
    lines = {
        "Sign in": sign_in,
        "DAG files": f"{config.core.dags_folder}{examples}",
        "State": str(config.home),
        "Commands": _commands(config, env),
        "Stop": "Ctrl-C",
    }
    click.echo(f"\n  {title} {__version__} is at {click.style(url, bold=True)}", nl=False)
    click.echo(click.style(f"  ready in {took_s:.1f} s\n", dim=True))
    for name, text in lines.items():
        click.echo(f"  {click.style(f'{name:<11}', dim=True)}{text}")
    click.echo()
