"""A triggerer as a real process, and a scheduler that the test plays over its socket."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from tradewind.clock import SystemClock
from tradewind.model.ids import AttemptId
from tradewind.sdk import serde
from tradewind.wire import framing
from tradewind.wire.messages import (
    Assignment,
    Beat,
    CancelAttempt,
    Claim,
    Drain,
    Hello,
    Launch,
    Reply,
    Request,
    RunInfo,
    ToServer,
    TriggerCall,
    TriggerFinish,
    WatcherEvent,
)

T = TypeVar("T")

PATIENCE_S = 20.0
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def launch(name: str, classpath: str, *, kind: str = "trigger", **kwargs: Any) -> Launch:
    attempt_id = AttemptId(f"trigger.{name}")
    return Launch(
        attempt_id=attempt_id,
        claim_token=attempt_id,
        executor="triggerer",
        assignment=Assignment(
            kind=kind,
            attempt_id=attempt_id,
            fence=3,
            try_number=1,
            max_tries=0,
            dag_file="dag.py",
            source_hash="s",
            task_id=name,
            run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
            trigger=TriggerCall(classpath=classpath, kwargs=serde.dumps(kwargs)),
        ),
    )


class PlayedScheduler:
    """Answer claims, beats and events; keep what was said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[ToServer] = []
        self.answers_finishes = True
        self._clock = SystemClock()
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._peers: dict[socket.socket, framing.FrameReader] = {}

    def open(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def close(self) -> None:
        for sock in [*self._peers, *([self._listener] if self._listener else [])]:
            self._selector.unregister(sock)
            sock.close()
        self._peers.clear()
        self._listener = None

    def send(self, message: Launch | CancelAttempt | Drain) -> None:
        for sock in self._peers:
            sock.sendall(framing.encode(message))

    def of(self, kind: type[T]) -> list[T]:
        return [message for message in self.said if isinstance(message, kind)]

    def wait_for(self, look: Callable[[], T], what: str) -> T:
        deadline = self._clock.monotonic() + PATIENCE_S
        while not (answer := look()):
            left = deadline - self._clock.monotonic()
            assert left > 0, f"waited in vain for {what}; heard {self.said}"
            self._turn(min(left, 0.2))
        return answer

    def finish_of(self, name: str) -> TriggerFinish:
        def look() -> TriggerFinish | None:
            found = [f for f in self.of(TriggerFinish) if f.attempt_id == f"trigger.{name}"]
            return found[-1] if found else None

        finish = self.wait_for(look, f"the event of {name}")
        assert finish is not None
        return finish

    def wait_for_hellos(self, count: int = 1) -> Hello:
        self.wait_for(lambda: len(self.of(Hello)) >= count, f"{count} hellos")
        return self.of(Hello)[-1]

    def _turn(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                assert self._listener is not None
                sock, _ = self._listener.accept()
                self._peers[sock] = framing.FrameReader()
                self._selector.register(sock, selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                self._read(key.fileobj)

    def _read(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(sock)
            del self._peers[sock]
            sock.close()
            return
        for frame in self._peers[sock].feed(data):
            message = framing.decode_to_server(frame)
            self.said.append(message)
            reply = self._reply(message)
            if reply is not None:
                sock.sendall(framing.encode(reply))

    def _reply(self, message: ToServer) -> Reply | None:
        if isinstance(message, Request):
            return Reply(seq=message.seq, body={"value": "from the server"})
        if isinstance(message, TriggerFinish) and not self.answers_finishes:
            return None
        if isinstance(message, WatcherEvent) and not self.answers_finishes:
            return None
        if isinstance(message, Claim | TriggerFinish | WatcherEvent | Beat):
            return Reply(seq=message.seq)
        return None


class TriggererProcess:
    """`python -m tradewind.triggerer` in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.dags, self.logs = folder / "dags", folder / "logs"
        self.dags.mkdir()
        self.scheduler = PlayedScheduler(folder / "s.sock")
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.scheduler.open()
        self.start()
        self.scheduler.wait_for_hellos()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self.scheduler.close()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tradewind.triggerer"),
                *("--socket", str(self.scheduler.path)),
                *("--dags-folder", str(self.dags)),
                *("--log-folder", str(self.logs)),
                *("--heartbeat-s", "0.2"),
                *self._options,
            ],
            env=dict(os.environ),
        )

    def memory_mib(self) -> float:
        """Return the process's own share of memory (PSS)."""
        assert self.process is not None
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        (line,) = [line for line in rollup.splitlines() if line.startswith("Pss:")]
        return int(line.split()[1]) / 1024

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)
