"""A PostgreSQL server for the tests: given by URL, or a private one that is thrown away.

The private one is made from the installed programs, listens on a free loopback port, keeps
its data in a temporary folder with fsync on, and dies with the process that started it, even
when that is killed. PostgreSQL refuses to run as root, so root runs it as user `postgres`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import uuid
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

URL_VARIABLE = "TRADEWIND_TEST_POSTGRES_URL"
START_S = 30.0
_PORT_TRIES = 5


class Missing(Exception):
    """There is no PostgreSQL to test with; the message says what to do."""


class PostgresServer:
    """A server on which tests make databases of their own."""

    def __init__(self, admin_url: URL) -> None:
        self._admin_url = admin_url.set(drivername="postgresql")
        self._made: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._made):
            self.drop(name)

    def create(self, template: str | None = None) -> str:
        """Make a database and return its name."""
        name = f"tradewind_test_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._execute(statement)
        self._made.add(name)
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        self._made.discard(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return self._admin_url.set(database=name).render_as_string(hide_password=False)

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        admin = self._admin_url.render_as_string(hide_password=False)
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(statement)


class PrivateServer(PostgresServer):
    """A server of our own."""

    def __init__(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tradewind-postgres-"))
        self._lines: deque[str] = deque(maxlen=200)
        self._process: subprocess.Popen[str] | None = None
        self._programs = programs
        self._port = 0
        try:
            if os.geteuid() == 0:
                account = pwd.getpwnam("postgres")
                os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._make_cluster(programs)
            super().__init__(self._start(programs))
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def crash(self) -> None:
        """End the server without a clean shutdown: every connection is cut, the log is replayed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(START_S)

    def come_back(self) -> None:
        """Start the server again where it was."""
        if not self._serve(self._programs, self._port):
            raise RuntimeError("PostgreSQL did not start again:\n" + "".join(self._lines))

    def _make_cluster(self, programs: Path) -> None:
        command = [
            str(programs / "initdb"),
            f"--pgdata={self._folder / 'data'}",
            "--username=tradewind",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        done = subprocess.run(
            [*_as_postgres(), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _start(self, programs: Path) -> URL:
        for _ in range(_PORT_TRIES):
            port = self._port = _free_port()
            if self._serve(programs, port):
                return URL.create(
                    "postgresql",
                    username="tradewind",
                    host="127.0.0.1",
                    port=port,
                    database="postgres",
                )
        raise RuntimeError("PostgreSQL did not start:\n" + "".join(self._lines))

    def _serve(self, programs: Path, port: int) -> bool:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(self._folder),
            "fsync": "on",
            "synchronous_commit": "on",
            "shared_buffers": "64MB",
            "max_connections": "60",
            "autovacuum": "on",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._process = subprocess.Popen(
            [
                *_as_postgres(),
                str(programs / "postgres"),
                f"-D{self._folder / 'data'}",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self._process, ready), daemon=True).start()
        if not ready.wait(START_S):
            self._end_process()
            return False
        return self._process.poll() is None

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._lines.append(line)
                if "ready to accept connections" in line:
                    ready.set()
        ready.set()
        process.wait()

    def _end_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def _stop(self) -> None:
        # A smart shutdown would wait for clients that a failed test left connected.
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
        self._end_process()
        shutil.rmtree(self._folder, ignore_errors=True)


def open_server() -> PostgresServer:
    """Return the server that the environment names, or a private one.

    Raises:
        Missing: there is neither.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        return PostgresServer(make_url(given))
    return open_private_server()


def open_private_server() -> PrivateServer:
    """Return a server of the caller's own, which it may crash.

    Raises:
        Missing: PostgreSQL is not installed.
    """
    programs = _programs()
    if programs is None:
        raise Missing(
            "PostgreSQL is not installed: `apt install postgresql` (its programs are enough), "
            f"or name a server in {URL_VARIABLE}"
        )
    if os.geteuid() == 0 and not _has_account("postgres"):
        raise Missing("PostgreSQL does not run as root and there is no user `postgres`")
    return PrivateServer(programs)


def _programs() -> Path | None:
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return max(found, key=lambda p: int(p.parent.parent.name)).parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _has_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _as_postgres() -> list[str]:
    die_with_us = ["setpriv", "--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        return [*die_with_us, "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    return [*die_with_us, "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
