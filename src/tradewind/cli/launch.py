"""`tradewind standalone`: one command that starts every part and keeps it running.

The launcher stays single-threaded: it imports what the parts share and forks them, so that
they share memory and start in milliseconds. The worker is forked first, before anything heavy
is imported, because what it has imported is paid for in every task's fork. A part that dies is
started again, after a pause that doubles while it keeps dying. The triggerer starts when the
scheduler rings for it: when something first defers.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click
import msgspec

from tradewind import kernel
from tradewind.clock import SystemClock
from tradewind.config import Config, without_credentials
from tradewind.errors import ConfigError
from tradewind.log import set_up
from tradewind.worker.settings import SupervisorSettings

log = logging.getLogger(__name__)

LAUNCHER_BELL = "launcher.bell"
"""Where the scheduler rings; as in `tradewind.scheduler.service`, which is imported later."""
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 10.0
"""A part that ran this long is started again at once when it dies."""
_STOP_ORDER = ("web", "processor", "triggerer", "scheduler", "worker")
_STOP_PATIENCE_S = 40.0


class Part(msgspec.Struct):
    """A part of the system and its process."""

    name: str
    main: Callable[[], None]
    pid: int = 0
    started_at: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    restart_at: float | None = None


class Launcher:
    """Start the parts, watch them, stop them."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._clock = SystemClock()
        self._stopping = False
        self._lock: IO[str] | None = None
        self._password: str | None = None
        self._listener: socket.socket | None = None
        self._bell: socket.socket | None = None
        self._parts = {
            part.name: part
            for part in (
                Part("worker", self._worker),
                Part("scheduler", self._scheduler),
                Part("processor", self._processor),
                Part("web", self._web),
                Part("triggerer", self._triggerer),
            )
        }

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C.

        Raises:
            ConfigError: another standalone uses this home, or the port is taken.
        """
        config = self._config
        for folder in (config.home, config.run_dir, config.core.dags_folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock_home()
        self._listener = self._listen()
        self._bell = open_bell(config.run_dir / LAUNCHER_BELL)
        woken = self._heed_signals()
        self._start(self._parts["worker"])
        self._prepare()
        for name in ("scheduler", "processor", "web"):
            self._start(self._parts[name])
        self._greet()
        with selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while not self._stopping:
                selector.select(self._timeout_s())
                _drain(woken)
                self._answer(self._bell)
                self._reap()
                self._restart_due()
        self._stop_all()

    def _lock_home(self) -> None:
        path = self._config.run_dir / "standalone.lock"
        handle = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"another `tradewind standalone` uses {self._config.home}; stop it, or set "
                "TRADEWIND_HOME to another folder"
            ) from error
        os.set_inheritable(handle.fileno(), False)  # noqa: FBT003
        self._lock = handle

    def _listen(self) -> socket.socket:
        api = self._config.api
        listener = socket.socket(socket.AF_INET6 if ":" in api.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((api.host, api.port))
        except OSError as error:
            listener.close()
            raise ConfigError(
                f"port {api.port} on {api.host} is taken ({error.strerror}); choose another with "
                "--port, or --port 0 for any free one"
            ) from error
        listener.listen(128)
        return listener

    def _prepare(self) -> None:
        """Bring the database up to date, and import what the parts share."""
        connect = importlib.import_module("tradewind.store.connect")
        migrate = importlib.import_module("tradewind.store.migrate")
        secrets = importlib.import_module("tradewind.store.secrets")
        config = self._config
        secrets.configured_keys(config)
        db = connect.open_database(config.database.sql_alchemy_conn)
        migrate.migrate(db, config.core.default_pool_task_slot_count)
        if not config.api.trust_loopback:
            accounts = importlib.import_module("tradewind.actions.accounts")
            self._password = accounts.first_admin(db, self._clock)
        db.close()
        for name in ("tradewind.scheduler.service", "tradewind.processor.service"):
            importlib.import_module(name)
        # What is alive now is shared by the parts: keep their collectors from touching it.
        gc.collect()
        gc.freeze()

    def _heed_signals(self) -> int:
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

        def stop(_signum: int, _frame: object) -> None:
            self._stopping = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
        return read_end

    def _answer(self, bell: socket.socket) -> None:
        """Start the triggerer when it is asked for and does not run."""
        triggerer = self._parts["triggerer"]
        with contextlib.suppress(BlockingIOError):
            while True:
                wanted = bell.recv(256) == triggerer.name.encode()
                if wanted and not triggerer.pid and triggerer.restart_at is None:
                    log.info("tasks are deferred: starting the triggerer")
                    self._start(triggerer)

    def _greet(self) -> None:
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        click.echo(f"Tradewind is running at http://{host}:{port}")
        if self._config.api.trust_loopback:
            click.echo("  sign-in    none: whoever uses this machine is its administrator")
        elif self._password is not None:
            click.echo(f"  sign-in    admin, password {self._password} (shown this once)")
        else:
            click.echo("  sign-in    as before; `tradewind users reset-password` if it is lost")
        click.echo(f"  DAG files  {self._config.core.dags_folder}")
        click.echo(f"  state      {self._config.home}")
        click.echo("  stop       Ctrl-C")

    # ---- processes ------------------------------------------------------------------------

    def _start(self, part: Part) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become(part)
        part.pid, part.started_at, part.restart_at = pid, self._clock.monotonic(), None

    def _become(self, part: Part) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Ctrl-C reaches the launcher, which stops the parts in order.
            os.setpgid(0, 0)
            if self._listener is not None and part.name != "web":
                self._listener.close()
            set_up(part.name, folder=self._config.logging.base_log_folder / "parts")
            part.main()
            code = 0
        except ConfigError as error:
            log.error("%s", error)  # noqa: TRY400  the operator's fault needs no traceback
        except BaseException:
            log.exception("%s failed", part.name)
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for pid, status in kernel.reap():
            for part in self._parts.values():
                if part.pid == pid:
                    part.pid = 0
                    self._died(part, os.waitstatus_to_exitcode(status))

    def _died(self, part: Part, code: int) -> None:
        if self._stopping:
            return
        now = self._clock.monotonic()
        if now - part.started_at > _STEADY_S:
            part.pause_s = _FIRST_PAUSE_S
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.warning("%s ended with %s; starting it again in %g s", part.name, how, part.pause_s)
        part.restart_at = now + part.pause_s
        part.pause_s = min(part.pause_s * 2, _LONGEST_PAUSE_S)

    def _restart_due(self) -> None:
        now = self._clock.monotonic()
        for part in self._parts.values():
            if part.restart_at is not None and part.restart_at <= now:
                self._start(part)

    def _timeout_s(self) -> float | None:
        times = [p.restart_at for p in self._parts.values() if p.restart_at is not None]
        return max(0.0, min(times) - self._clock.monotonic()) if times else None

    def _stop_all(self) -> None:
        """Stop the parts: first who makes work, last who does it."""
        for name in _STOP_ORDER:
            part = self._parts[name]
            if part.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(part.pid, signal.SIGTERM)
                self._await(part)
        log.info("stopped")

    def _await(self, part: Part) -> None:
        deadline = self._clock.monotonic() + _STOP_PATIENCE_S
        with selectors.DefaultSelector() as selector:
            try:
                fd = os.pidfd_open(part.pid)
            except OSError:
                return
            selector.register(fd, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - self._clock.monotonic())):
                os.kill(part.pid, signal.SIGKILL)
            os.close(fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(part.pid, 0)

    # ---- the parts ------------------------------------------------------------------------

    def _worker(self) -> None:
        service = importlib.import_module("tradewind.worker.service")
        service.serve(worker_settings(self._config))

    def _scheduler(self) -> None:
        importlib.import_module("tradewind.scheduler.service").serve(self._config)

    def _processor(self) -> None:
        importlib.import_module("tradewind.processor.service").serve(self._config, os.environ)

    def _triggerer(self) -> None:
        command = triggerer_command_line(self._config)
        os.execve(command[0], command, without_credentials(os.environ))

    def _web(self) -> None:
        importlib.import_module("tradewind.web.service").serve(self._config, self._listener)


def triggerer_command_line(config: Config) -> list[str]:
    """Return the program that runs triggers: it has user code, so it is given no credentials."""
    return [
        *(sys.executable, "-m", "tradewind.triggerer"),
        *("--socket", str(config.run_dir / "workers.sock")),
        *("--dags-folder", str(config.core.dags_folder)),
        *("--log-folder", str(config.logging.base_log_folder)),
        *("--parts-log-folder", str(config.logging.base_log_folder / "parts")),
        *("--capacity", str(config.triggerer.capacity)),
        *("--heartbeat-s", str(config.triggerer.heartbeat_s)),
        *("--blocked-s", str(config.triggerer.blocked_s)),
    ]


def open_bell(path: Path) -> socket.socket:
    """Return the socket on which the scheduler asks for another part, by its name."""
    path.unlink(missing_ok=True)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.setblocking(False)  # noqa: FBT003  the stdlib's signature
    bell.bind(str(path))
    path.chmod(0o600)
    return bell


def worker_settings(config: Config) -> SupervisorSettings:
    """Return the worker's settings."""
    return SupervisorSettings(
        socket_path=config.run_dir / "workers.sock",
        dags_folder=Path(config.core.dags_folder),
        log_folder=config.logging.base_log_folder,
        state_dir=config.home / "worker",
        lease_s=config.scheduler.attempt_lease_s,
        heartbeat_s=config.scheduler.attempt_heartbeat_s,
        kill_grace_s=config.worker.kill_grace_s,
        drain_s=config.worker.drain_s,
        host=config.core.hostname,
    )


def _drain(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, 4096):
            pass
