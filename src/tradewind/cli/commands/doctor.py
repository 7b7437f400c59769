"""`tradewind doctor`: look for what could be wrong, and say what to do about it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec

from tradewind.cli.commands.jobs import silence_limits_s
from tradewind.cli.main import FAILED
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell
from tradewind.errors import TradewindError

_LOW_DISK_BYTES = 500 * 1024 * 1024
_LONGEST_SOCKET_PATH = 107
"""What the kernel takes as the name of a local socket."""
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})

_FIRST = ("configuration", "database")
"""Without these the rest cannot be looked at."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. status: "ok", "note" or "problem"."""

    what: str
    status: str
    about: str


@click.command("doctor")
@output_option
@click.pass_obj
def doctor_command(shell: Shell, output: str) -> None:
    """Look for what could be wrong with this installation; fails when something is."""
    findings = list(examine(shell))
    if output == "table":
        for finding in findings:
            mark, colour = {"ok": ("✔", "green"), "note": ("•", "yellow")}.get(
                finding.status, ("✖", "red")
            )
            click.echo(f"{click.style(mark, fg=colour)} {finding.what:<14} {finding.about}")
    else:
        emit([msgspec.structs.asdict(finding) for finding in findings], output)
    if any(finding.status == "problem" for finding in findings):
        raise click.exceptions.Exit(FAILED)


def examine(shell: Shell) -> Iterator[Finding]:
    """Look at one thing after the other; what cannot be looked at is a problem, too."""
    checks: list[tuple[str, Callable[[Shell], Finding]]] = [
        ("Python", _python),
        ("configuration", _configuration),
        ("home", _home),
        ("sockets", _sockets),
        ("DAG folder", _dag_folder),
        ("web", _web),
        ("database", _database),
        ("encryption", _encryption),
        ("DAG files", _dag_files),
        ("pools", _pools),
        ("parts", _parts),
        ("executors", _executors),
        ("log storage", _log_storage),
    ]
    for what, check in checks:
        try:
            finding = check(shell)
        except TradewindError as error:
            finding = Finding(what=what, status="problem", about=str(error))
        yield finding
        if what in _FIRST and finding.status != "ok":
            return


def _python(_: Shell) -> Finding:
    version = sys.version.split()[0]
    return Finding(what="Python", status="ok", about=f"{version} at {sys.executable}")


def _configuration(shell: Shell) -> Finding:
    changed = [name for name, origin in shell.config.origins.items() if origin != "default"]
    about = f"{len(changed)} settings changed: {', '.join(changed)}" if changed else "all defaults"
    return Finding(what="configuration", status="ok", about=about)


def _home(shell: Shell) -> Finding:
    home = shell.config.home
    if not home.exists():
        about = f"{home} does not exist yet; `tradewind standalone` makes it"
        return Finding(what="home", status="note", about=about)
    if not os.access(home, os.W_OK):
        about = f"{home} is not writable for you; set TRADEWIND_HOME to a folder that is"
        return Finding(what="home", status="problem", about=about)
    free = shutil.disk_usage(home).free
    if free < _LOW_DISK_BYTES:
        about = f"only {free // 2**20} MB are free under {home}"
        return Finding(what="home", status="problem", about=about)
    return Finding(what="home", status="ok", about=f"{home}, {free // 2**30} GB free")


def _sockets(shell: Shell) -> Finding:
    path = str(shell.config.run_dir / "workers.sock")
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        about = f"{path} is too long for a socket; choose a shorter TRADEWIND_HOME"
        return Finding(what="sockets", status="problem", about=about)
    return Finding(what="sockets", status="ok", about=str(shell.config.run_dir))


def _dag_folder(shell: Shell) -> Finding:
    folder = shell.config.core.dags_folder
    if not folder.is_dir():
        about = f"{folder} does not exist yet; make it and put DAG files there"
        return Finding(what="DAG folder", status="note", about=about)
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(what="DAG folder", status="problem", about=f"{folder} is not readable")
    return Finding(what="DAG folder", status="ok", about=str(folder))


def _database(shell: Shell) -> Finding:
    path = shell.config.database.sql_alchemy_conn.removeprefix("sqlite:///")
    if path.startswith("/"):
        kind = _file_system(Path(path).parent)
        if kind in _NETWORK_FILE_SYSTEMS:
            about = (
                f"SQLite does not work on {kind}, where {path} is; use a local disk, or PostgreSQL"
            )
            return Finding(what="database", status="problem", about=about)
        if not Path(path).exists():
            about = f"{path} does not exist yet; `tradewind db migrate` makes it"
            return Finding(what="database", status="note", about=about)
    where = shell.db.engine.url.render_as_string(hide_password=True)
    with shell.db.write():
        pass  # A full disk or a read-only database shows here.
    return Finding(what="database", status="ok", about=f"{where} can be read and written")


def _encryption(shell: Shell) -> Finding:
    keys = shell.config.database.encryption_keys
    if not keys:
        about = "no key yet; one is made at the first start"
        return Finding(what="encryption", status="note", about=about)
    key_file = shell.config.key_file
    if key_file.exists() and key_file.stat().st_mode & 0o077:
        about = f"others may read {key_file}; chmod 600 {key_file}"
        return Finding(what="encryption", status="problem", about=about)
    secrets = shell.secrets
    for key in secrets.variable_keys():
        secrets.get_variable(key)
    for conn_id, _ in secrets.connection_ids():
        secrets.get_connection(conn_id)
    return Finding(what="encryption", status="ok", about="every stored secret opens")


def _dag_files(shell: Shell) -> Finding:
    from tradewind.store.read import dags

    broken = dags.files(shell.db, broken=True)
    if broken:
        names = ", ".join(file.path for file in broken[:5])
        about = f"{len(broken)} do not import: {names}; see `tradewind dags list-import-errors`"
        return Finding(what="DAG files", status="problem", about=about)
    return Finding(what="DAG files", status="ok", about=f"{dags.count_dags(shell.db)} DAGs")


def _pools(shell: Shell) -> Finding:
    from tradewind.store import pools
    from tradewind.store.read import dags, scheduling

    known = {pool.name for pool in pools.all_pools(shell.db)}
    missing: dict[str, str] = {}
    for dag in dags.dags(shell.db):
        for task in scheduling.version(shell.db, dag.version_id).spec.tasks:
            if task.pool not in known:
                missing.setdefault(task.pool, f"{dag.dag_id}.{task.task_id}")
    if missing:
        about = "; ".join(
            f"pool {pool!r} does not exist, and {task} waits for it: "
            f"tradewind pools set {pool} SLOTS DESCRIPTION"
            for pool, task in sorted(missing.items())[:5]
        )
        return Finding(what="pools", status="problem", about=about)
    return Finding(what="pools", status="ok", about=f"{len(known)} pools, none is missing")


def _parts(shell: Shell) -> Finding:
    from tradewind.store import components

    now = shell.clock.now()
    alive: list[str] = []
    silent: list[str] = []
    for kind, limit_s in silence_limits_s(shell.config).items():
        part = components.latest(shell.db, kind)
        if part is None or part.stopped_at is not None:
            continue
        fresh = (now - part.beat_at).total_seconds() <= limit_s
        (alive if fresh else silent).append(kind)
    if not alive:
        about = "nothing runs; `tradewind standalone` starts everything"
        return Finding(what="parts", status="note", about=about)
    if silent:
        return Finding(what="parts", status="problem", about=f"silent: {', '.join(silent)}")
    return Finding(what="parts", status="ok", about=f"alive: {', '.join(alive)}")


def _executors(shell: Shell) -> Finding:
    """Tell what the scheduler says of its executors: a broker that is away, a namespace."""
    from tradewind.store import components

    part = components.latest(shell.db, "scheduler")
    limit_s = silence_limits_s(shell.config)["scheduler"]
    told = part.executors if part is not None and part.stopped_at is None else None
    if part is None or not told or (shell.clock.now() - part.beat_at).total_seconds() > limit_s:
        about = "no scheduler runs that could say"
        return Finding(what="executors", status="note", about=about)
    troubles = [
        f"{name} cannot work: {place}: {why}"
        for name, found in sorted(told.items())
        for place, why in sorted(found.items())
    ]
    if troubles:
        return Finding(what="executors", status="problem", about="; ".join(troubles))
    return Finding(what="executors", status="ok", about=f"at work: {', '.join(sorted(told))}")


def _log_storage(shell: Shell) -> Finding:
    from tradewind.wire.log_archive import open_archive

    archive = open_archive(shell.config, shell.clock)
    if archive is None:
        about = "logs stay on this server's disk (logging.remote_logging is off)"
        return Finding(what="log storage", status="ok", about=about)
    archive.storage.check()
    return Finding(what="log storage", status="ok", about=f"{archive.storage.url} answers")


def _web(shell: Shell) -> Finding:
    api = shell.config.api
    with socket.socket() as probe:
        probe.settimeout(1.0)
        taken = probe.connect_ex((api.host, api.port)) == 0
    about = f"port {api.port} is {'in use' if taken else 'free'}"
    return Finding(what="web", status="ok", about=about)


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on."""
    best, kind = -1, ""
    resolved = f"{folder.resolve()}/"
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, place, name, *_rest = line.split(" ")
        if resolved.startswith(f"{place.rstrip('/')}/") and len(place) > best:
            best, kind = len(place), name
    return kind
