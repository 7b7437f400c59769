"""A supervisor as a real process, and a scheduler that the test plays over its socket."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire import framing, logs
from tradewind.wire.messages import (
    Assignment,
    Beat,
    CallbackCall,
    CallbackDone,
    CancelAttempt,
    Claim,
    Drain,
    Finish,
    GetObjects,
    Hello,
    Launch,
    Reply,
    Request,
    RunInfo,
    ToServer,
    ToWorker,
)

ROOT = Path(__file__).parents[2]
PATIENCE_S = 15.0
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def launch_of(
    task_id: str = "t", *, dag_file: str = "dag.py", source: str = "s1", **more: Any
) -> Launch:
    attempt_id = AttemptId(uuid.uuid4().hex)
    fields: dict[str, Any] = {
        "attempt_id": attempt_id,
        "fence": 1,
        "try_number": 1,
        "max_tries": 0,
        "dag_file": dag_file,
        "source_hash": source,
        "task_id": task_id,
        "run": RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
        **more,
    }
    return Launch(
        attempt_id=fields["attempt_id"],
        claim_token="token",
        assignment=Assignment(**fields),
        executor="LocalExecutor",
    )


def callback_of(kind: str, callback_id: int = 7, **more: Any) -> Launch:
    call = CallbackCall(callback_id=callback_id, kind=kind)
    return launch_of(kind="callback", callback=call, attempt_id=f"callback.{callback_id}.0", **more)


class FakeScheduler:
    """Answer claims, beats and outcomes; keep what was said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hellos: list[Hello] = []
        self.claims: list[Claim] = []
        self.beats: list[Beat] = []
        self.finishes: dict[AttemptId, Finish] = {}
        self.all_finishes: list[Finish] = []
        self.callbacks: list[CallbackDone] = []
        self.requests: list[Request] = []
        self.objects: dict[str, bytes] = {}
        self.wanted: list[str] = []
        self.finished_at: dict[AttemptId, float] = {}
        self.claim_reply: Callable[[Claim], Reply | None] = lambda c: Reply(seq=c.seq)
        self.beat_reply: Callable[[Beat], Reply | None] = lambda b: Reply(seq=b.seq)
        self.finish_reply: Callable[[Finish], Reply | None] = lambda f: Reply(seq=f.seq)
        self.request_reply: Callable[[Request], Reply | None] = lambda r: Reply(seq=r.seq)
        self._selector = selectors.DefaultSelector()
        self._peer: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._reader = framing.FrameReader()
        self.open()

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)

    def close(self) -> None:
        """Die: the socket is left behind, as by a kill."""
        for sock in (self._listener, self._peer):
            if sock is not None:
                self._selector.unregister(sock)
                sock.close()
        self._listener = self._peer = None

    def send(self, message: ToWorker) -> None:
        assert self._peer is not None
        self._peer.sendall(framing.encode(message))

    def submit(self, *launches: Launch) -> list[AttemptId]:
        for launch in launches:
            self.send(launch)
        return [launch.attempt_id for launch in launches]

    def cancel(self, attempt_id: AttemptId, reason: str = "cleared") -> None:
        self.send(CancelAttempt(attempt_id=attempt_id, reason=reason))

    def drain(self, grace_s: float) -> None:
        self.send(Drain(grace_s=grace_s))

    def until(self, met: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not met():
            left = deadline - time.monotonic()
            assert left > 0, f"waited {patience_s} s in vain"
            self.pump(min(left, 0.02))

    def finish_of(self, launch: Launch) -> Finish:
        self.until(lambda: launch.attempt_id in self.finishes)
        return self.finishes[launch.attempt_id]

    def run(self, launch: Launch) -> Finish:
        self.submit(launch)
        return self.finish_of(launch)

    def pump(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                assert self._listener is not None
                self._peer, _ = self._listener.accept()
                self._reader = framing.FrameReader()
                self._selector.register(self._peer, selectors.EVENT_READ)
            elif key.fileobj is self._peer:
                self._read()

    def _read(self) -> None:
        assert self._peer is not None
        try:
            data = self._peer.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(self._peer)
            self._peer.close()
            self._peer = None
            return
        replies = [self._answer(framing.decode_to_server(body)) for body in self._reader.feed(data)]
        with contextlib.suppress(BrokenPipeError):
            self._peer.sendall(b"".join(framing.encode(r) for r in replies if r is not None))

    def _answer(self, message: ToServer) -> Reply | None:
        if isinstance(message, Claim):
            self.claims.append(message)
            return self.claim_reply(message)
        if isinstance(message, Finish):
            self.all_finishes.append(message)
            self.finishes[message.attempt_id] = message
            self.finished_at[message.attempt_id] = time.monotonic()
            return self.finish_reply(message)
        if isinstance(message, Beat):
            self.beats.append(message)
            return self.beat_reply(message)
        if isinstance(message, Request):
            self.requests.append(message)
            return self.request_reply(message)
        if isinstance(message, CallbackDone):
            self.callbacks.append(message)
            return Reply(seq=message.seq)
        if isinstance(message, GetObjects):
            # One at a time, so that the rest is asked for again.
            first, *rest = message.names
            self.wanted.append(first)
            found = {n: self.objects[n] for n in (first,) if n in self.objects}
            return Reply(seq=message.seq, body={"objects": found, "rest": rest})
        if isinstance(message, Hello):
            self.hellos.append(message)
        return None


class Worker:
    """The supervisor's process."""

    def __init__(self, home: Path, socket_path: Path, **options: object) -> None:
        self.home = home
        self.dags = home / "dags"
        self.log_folder = home / "logs"
        self.socket_path = socket_path
        self.options = options
        self.inside: list[str] = options.pop("inside", [])  # type: ignore[assignment]
        """A command that starts the worker, in a place of its own."""
        self.dags.mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        options = {
            "socket": self.socket_path,
            "dags-folder": self.dags,
            "log-folder": self.log_folder,
            "state-dir": self.home / "state",
            "userland": "tests.acceptance.worker_userland",
            "kill-grace-s": 1.0,
            **{name.replace("_", "-"): value for name, value in self.options.items()},
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (self.home / "worker.out").open("ab") as out:
            self.process = subprocess.Popen(
                [*self.inside, sys.executable, "-m", "tradewind.worker", *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def write(self, text: str, name: str = "dag.py") -> None:
        (self.dags / name).write_text(text, encoding="utf-8")

    def output(self) -> str:
        return (self.home / "worker.out").read_text(encoding="utf-8", errors="replace")

    def log(self, launch: Launch) -> list[logs.LogLine]:
        at = launch.assignment
        folder = logs.instance_folder(self.log_folder, "d", at.run.run_id, at.task_id, at.map_index)
        path = logs.segment_path(folder, at.try_number, at.fence)
        if at.callback is not None:
            path = logs.callback_path(folder, at.try_number, at.callback.callback_id)
        try:
            chunk = logs.read(self.log_folder, path, 0, 1 << 26)
        except FileNotFoundError:
            return []
        return [logs.parse(line) for line in chunk.lines]

    def events(self, launch: Launch) -> list[str]:
        return [line.event for line in self.log(launch)]

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


class World(msgspec.Struct):
    """Both."""

    scheduler: FakeScheduler
    worker: Worker

    def connected(self, count: int = 1) -> World:
        self.scheduler.until(lambda: len(self.scheduler.hellos) >= count)
        return self


@contextlib.contextmanager
def world(home: Path, **options: object) -> Iterator[World]:
    # The path of a socket may have 107 characters; a test's folder may have more.
    short = Path(f"/tmp/tw-{uuid.uuid4().hex[:12]}.sock")
    scheduler = FakeScheduler(short)
    worker = Worker(home, short, **options)
    try:
        yield World(scheduler, worker).connected()
    finally:
        worker.stop()
        scheduler.close()
        short.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] != "Z"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> set[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    stack = [pid]
    while stack:
        for child in parents.get(stack.pop(), []):
            found.add(child)
            stack.append(child)
    return found
