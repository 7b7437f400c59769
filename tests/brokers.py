"""Message brokers for the tests: a private Redis and a private RabbitMQ, thrown away afterwards.

Both listen on free loopback ports, keep their data in a temporary folder, and can be killed and
started again under the same address, as a broker is in production. They die with the process
that started them, even when that is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.servers import Missing

START_S = 60.0
"""RabbitMQ takes long on a busy machine."""


class Broker:
    """A program that says when it is ready, at an address that stays."""

    name = ""
    ready_line = ""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"tradewind-{self.name}-"))
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None
        self._lines: deque[str] = deque(maxlen=200)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        """The address, as Celery takes it."""
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Return the address by another port: a proxy's."""
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        """Return the program and its arguments."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the program's environment."""
        return dict(os.environ)

    def start(self) -> None:
        """Start it, or start it again; return when it takes connections."""
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "--", *self.command()],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        ready = threading.Event()
        threading.Thread(target=self._read, args=(process, ready), daemon=True).start()
        if not ready.wait(START_S) or process.poll() is not None:
            self.kill()
            raise RuntimeError(f"{self.name} did not start:\n" + "".join(self._lines))

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_S)
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Let it do nothing, with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.append(line)
                if self.ready_line in line:
                    ready.set()
        ready.set()
        process.wait()


class RedisServer(Broker):
    """Redis that keeps nothing on disk unless it is told to save."""

    name = "redis"
    ready_line = "Ready to accept connections"

    def url_at(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"

    def command(self) -> Sequence[str]:
        return [
            "redis-server",
            *("--bind", "127.0.0.1"),
            *("--port", str(self.port)),
            *("--dir", str(self.folder)),
            *("--save", ""),
            *("--appendonly", "no"),
        ]

    def order(self, *words: str) -> str:
        """Send one command over a connection of its own; return the answer."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sock:
            sock.sendall(text.encode())
            return sock.recv(1 << 16).decode()


class RabbitServer(Broker):
    """RabbitMQ with a node, a cookie and a port mapper of its own.

    consumer_timeout_ms: how long a message may be unacknowledged.
    """

    name = "rabbitmq"
    ready_line = "completed with"

    def __init__(self, consumer_timeout_ms: int | None = None) -> None:
        super().__init__()
        self._node = f"tradewind{self.port}@localhost"
        self._mapper_port, self._nodes_port = free_port(), free_port()
        self._mapper: subprocess.Popen[bytes] | None = None
        lines = ["vm_memory_high_watermark.absolute = 1GB", "disk_free_limit.absolute = 1MB"]
        advanced = "[]."
        if consumer_timeout_ms is not None:
            # Looked at with each tick of a channel, once a minute unless told otherwise.
            lines.append(f"consumer_timeout = {consumer_timeout_ms}")
            advanced = "[{rabbit, [{channel_tick_interval, 1000}]}]."
        (self.folder / "advanced.config").write_text(advanced + "\n", encoding="utf-8")
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.folder / "plugins").write_text("[].\n", encoding="utf-8")

    def url_at(self, port: int) -> str:
        return f"amqp://guest:guest@127.0.0.1:{port}//"

    def environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            **os.environ,
            "HOME": folder,
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._nodes_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none"
            ),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RUNNING_UNDER_SYSTEMD": "true",  # Be the program; do not watch over it.
        }

    def command(self) -> Sequence[str]:
        return [str(_rabbit_programs() / "rabbitmq-server")]

    def start(self) -> None:
        if self._mapper is None:
            self._mapper = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "--", "epmd"],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        super().start()

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl; return what it prints."""
        done = subprocess.run(
            [str(_rabbit_programs() / "rabbitmqctl"), *arguments],
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=START_S,
        )
        return done.stdout

    def _remove(self) -> None:
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None
        super()._remove()


def open_redis() -> RedisServer:
    """Return a Redis that is not started yet.

    Raises:
        Missing: it is not installed.
    """
    if shutil.which("redis-server") is None:
        raise Missing("Redis is not installed: `apt install redis-server`")
    return RedisServer()


def open_rabbit(consumer_timeout_ms: int | None = None) -> RabbitServer:
    """Return a RabbitMQ that is not started yet.

    Raises:
        Missing: it is not installed.
    """
    if not (_rabbit_programs() / "rabbitmq-server").exists() or shutil.which("epmd") is None:
        raise Missing("RabbitMQ is not installed: `apt install rabbitmq-server`")
    return RabbitServer(consumer_timeout_ms)


def free_port() -> int:
    """Return a loopback port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _rabbit_programs() -> Path:
    """Return the folder of RabbitMQ's own programs; those on PATH insist on their own user."""
    debian = Path("/usr/lib/rabbitmq/bin")
    on_path = shutil.which("rabbitmq-server")
    return debian if debian.is_dir() or on_path is None else Path(on_path).parent
