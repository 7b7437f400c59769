"""A file host: import a DAG file once, fork one process per attempt, report their ends.

Forking is sound only while the import left nothing that two processes must not share. A host
whose import left threads, child processes or descriptors, or that asked the server for
something (a variable or connection may change), says that it is unfit; the attempts of that
file then get clean processes, forked from a host that imported nothing, and import the file
themselves. So does every attempt of a file that cannot be imported here: the error belongs in
the attempt's log.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from tradewind import kernel
from tradewind.clock import SystemClock
from tradewind.errors import DagError
from tradewind.sdk import runtime
from tradewind.wire.messages import Call
from tradewind.worker import code, inner, numeric, reaping
from tradewind.worker.child import Imported, prepare_streams, run_attempt
from tradewind.worker.rehearsal import WARM_UPS
from tradewind.worker.userland import Userland

_MAX_OUTPUT = 32 * 1024
"""As much of what an import prints goes to the log of the attempt that waited for it."""

_PATIENCE_S = 5.0
"""An attempt's end is reported although something it left hangs in the kernel for so long."""


class FileHost:
    """One file host."""

    def __init__(self, sock: socket.socket, request: inner.OpenHost, userland: Userland) -> None:
        self._sock = sock
        self._request = request
        self._userland = userland
        self._imported: Imported | None = None
        self._attempts: dict[int, str] = {}
        self._tree = -1
        self._highest_fd = -1
        self._ended: list[tuple[str, int, int]] = []

    def serve(self) -> None:
        """Serve launches until the supervisor closes the socket."""
        os.setsid()
        kernel.adopt_orphans()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if self._request.live.path:
            self._import()
        prepare_streams()
        for _ in range(WARM_UPS):  # for the attempts, which do it once each
            _become_attempt(os.getppid())
        gc.collect()
        gc.freeze()
        wake = reaping.wake_on_child_exit()
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            self._highest_fd = kernel.highest_descriptor()
            while True:
                ready = selector.select(_PATIENCE_S if self._ended else None)
                if not ready:
                    self._report_ends()
                for key, _ in ready:
                    if key.fd == wake:
                        reaping.drain(wake)
                        self._reap()
                    elif not self._serve_one():
                        return

    # ---- import -----------------------------------------------------------------------------

    def _import(self) -> None:
        clock = SystemClock()
        started = clock.monotonic()
        try:
            place = self._find()
        except (DagError, OSError) as error:
            self._send(inner.Imported(None, str(error), broken=True, seconds=0.0, output=b""))
            return
        before = kernel.descriptors().keys()
        asked = _NoServer()
        with _captured() as output:
            broken, dags = self._load(place, asked)
        gc.collect()
        seconds = clock.monotonic() - started
        unfit = asked.reason or broken or _left_behind(before)
        failed = broken is not None and asked.reason is None
        self._send(inner.Imported(place, unfit, failed, seconds, b"" if unfit else output[0]))
        if unfit is None:
            self._imported = Imported(dags, tuple(numeric.limits()))

    def _find(self) -> code.Place:
        request, trees = self._request, Path(self._request.trees)
        place = code.find(request.live, request.pin, trees, self._fetch)
        if place != request.live:
            self._tree = code.hold(place.folder)
            code.prune(trees)
        return place

    def _fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """Have objects of snapshots fetched by the supervisor, which has the connection."""
        self._send(inner.Wanted(tuple(names)))
        data, fds, _, _ = socket.recv_fds(self._sock, inner.MAX_PACKET, 1)
        if not data:
            os._exit(0)
        with os.fdopen(fds[0], "rb") as file:
            return inner.decode_objects(file.read())

    def _load(self, place: code.Place, asked: _NoServer) -> tuple[str | None, Mapping[str, Any]]:
        runtime.install(asked)
        gc.enable()
        try:
            with numeric.one_thread():
                return None, self._userland.load(*place)
        except BaseException as error:  # noqa: BLE001  a DAG file may raise anything, SystemExit too
            return f"importing it raised {type(error).__name__}", {}
        finally:
            gc.disable()
            runtime.install(None)

    # ---- attempts ---------------------------------------------------------------------------

    def _serve_one(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, inner.MAX_PACKET, 3)
        except ConnectionResetError:
            return False
        if not data:
            return False
        request = inner.unpack_to_host(data)
        if isinstance(request, inner.Signal):
            self._signal(request)
        elif isinstance(request, inner.Fork):
            self._fork(request, fds)
        return True

    def _signal(self, request: inner.Signal) -> None:
        for pid, attempt_id in self._attempts.items():
            if attempt_id == request.attempt_id:
                send = os.killpg if request.signum == signal.SIGKILL else os.kill
                # A process that has not come to its setsid() yet has no group of its own.
                with contextlib.suppress(ProcessLookupError):
                    send(pid, request.signum)
                    return
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, request.signum)

    def _fork(self, request: inner.Fork, fds: list[int]) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid:
            self._attempts[pid] = request.attempt_id
            for fd in fds:
                os.close(fd)
            return
        try:
            os.setsid()
            _become_attempt(own)
            kernel.be_first_to_go()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.dup2(fds[1], 1)
            os.dup2(fds[2], 2)
            kernel.close_all_but([fds[0]], max(self._highest_fd, *fds))
            gc.enable()
            run_attempt(request, fds[0], self._imported, self._userland)
        except BaseException:  # noqa: BLE001  the last frame of a process
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        """Report attempts that ended, once nothing of theirs is left.

        An attempt adopts its own orphans while it lives; so an unknown child of ours was left
        by one that has ended. Each round may bring up the next generation.
        """
        for pid, status in kernel.reap():
            attempt_id = self._attempts.pop(pid, None)
            if attempt_id is not None:
                kernel.kill_session(pid)
                self._ended.append((attempt_id, pid, status))
        if not self._ended or reaping.kill_strangers(self._attempts.keys()):
            return  # the end of the killed will wake us
        self._report_ends()

    def _report_ends(self) -> None:
        for attempt_id, pid, status in self._ended:
            self._send(inner.Exited(attempt_id, pid, status))
        self._ended.clear()

    def _send(self, packet: inner.Packet) -> None:
        # A supervisor that is gone is noticed by the end of its socket.
        with contextlib.suppress(OSError):
            self._sock.send(inner.pack(packet))


class _NoServer:
    """The runtime while a file is imported for many attempts: nobody's calls are answered."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def call(self, call: Call) -> dict[str, Any]:
        """Note that the import depends on the server, and stop it."""
        self.reason = f"importing it calls the server ({type(call).__name__})"
        raise _ImportAsks

    def mask(self, secret: str) -> None:  # noqa: ARG002  the protocol's
        """Note that the import knows secrets: each attempt's log must be told of them."""
        self.reason = "importing it names a secret to mask"


class _ImportAsks(BaseException):
    """Stop an import; passes through `except Exception`."""


def _become_attempt(host_pid: int) -> None:
    """Take off what is the host's; may be done again."""
    kernel.die_with_parent(host_pid)
    kernel.adopt_orphans()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _left_behind(before: AbstractSet[int]) -> str | None:
    threads = kernel.thread_count()
    if threads > 1:
        return f"importing it left {threads - 1} threads"
    if kernel.has_children():
        return "importing it left a child process"
    left = [target for fd, target in kernel.descriptors().items() if fd not in before]
    if left:
        return f"importing it left {left[0]} open"
    return None


@contextlib.contextmanager
def _captured() -> Iterator[list[bytes]]:
    """Collect what is written to standard output and error; the list has it afterwards."""
    output: list[bytes] = []
    saved = os.dup(1), os.dup(2)
    memory = os.memfd_create("import-output")
    os.dup2(memory, 1)
    os.dup2(memory, 2)
    try:
        yield output
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        output.append(os.pread(memory, _MAX_OUTPUT, 0))
        for fd in (memory, *saved):
            os.close(fd)
