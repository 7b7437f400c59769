"""The process chain from the supervisor down: zygote, file hosts, attempts.

    supervisor ── zygote ── file host (one per DAG file version) ── attempt (one per launch)

The zygote is forked first, before anything has a thread; it imports the code that runs tasks
and forks a file host on request. A file host imports its DAG file once and forks one process
per attempt: a task starts in about the time of a fork. Each process is killed by the kernel
when its parent dies, so that no attempt outlives the supervisor that answers for it.

Descriptors travel with the messages (SCM_RIGHTS):
    supervisor → zygote      open(key) + the host's socket
    supervisor → file host   launch(attempt id) + the attempt's control socket and log pipe
    file host → supervisor   exited(attempt id, status)
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
from collections.abc import Callable

import msgspec

from tradewind.worker import kernel

_MAX = 1 << 16
_ATTEMPT_VARIABLE = "TRADEWIND_ATTEMPT_ID"


class OpenHost(msgspec.Struct, frozen=True, tag="open"):
    """Ask the zygote for a file host. path: the DAG file to import; folder: its DAG folder."""

    path: str
    folder: str


class LaunchIn(msgspec.Struct, frozen=True, tag="launch"):
    """Ask a file host to fork an attempt."""

    attempt_id: str


class SignalIn(msgspec.Struct, frozen=True, tag="signal"):
    """Ask a file host to signal an attempt: SIGKILL goes to its whole session's group."""

    attempt_id: str
    signum: int


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """A file host says that an attempt's process ended. status: as waitpid gives it."""

    attempt_id: str
    status: int


Runner = Callable[[str, object, int, int], None]
"""Run an attempt in its forked process: (attempt id, loaded file or ImportFailure, control
descriptor, log descriptor)."""


class ImportFailure(msgspec.Struct, frozen=True):
    """The DAG file could not be imported."""

    text: str


Loader = Callable[[str, str], object]
"""Import a DAG file: (path, DAG folder) → what the runner takes."""

_encode = msgspec.msgpack.Encoder().encode
_decode_open = msgspec.msgpack.Decoder(OpenHost).decode
_decode_request = msgspec.msgpack.Decoder(LaunchIn | SignalIn).decode
decode_exited = msgspec.msgpack.Decoder(Exited).decode


def start_zygote(prepare: Callable[[], tuple[Loader, Runner]]) -> tuple[int, socket.socket]:
    """Fork the zygote.

    Args:
        prepare: called in the zygote; imports what attempts need and returns how to load a
            file and how to run an attempt.

    Returns:
        the zygote's pid and the socket to ask it for file hosts.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        ours.close()
        kernel.die_with_parent(supervisor)
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _zygote(theirs, prepare)
    except BaseException:  # noqa: BLE001  the last frame of a process
        traceback.print_exc()
    finally:
        os._exit(1)


def ask_for_host(zygote: socket.socket, path: str, folder: str) -> socket.socket:
    """Ask the zygote for a file host and return the socket to talk to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(zygote, [_encode(OpenHost(path, folder))], [theirs.fileno()])
    theirs.close()
    ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
    return ours


def launch_in(host: socket.socket, attempt_id: str, control: int, log: int) -> None:
    """Ask a file host to fork an attempt with these descriptors."""
    socket.send_fds(host, [_encode(LaunchIn(attempt_id))], [control, log])


def signal_in(host: socket.socket, attempt_id: str, signum: int) -> None:
    """Ask a file host to signal an attempt; one that has ended is left alone."""
    with contextlib.suppress(OSError):
        host.send(_encode(SignalIn(attempt_id, signum)))


def _zygote(requests: socket.socket, prepare: Callable[[], tuple[Loader, Runner]]) -> None:
    load, run = prepare()
    gc.collect()
    # What is alive now is shared with every fork; keep the collector from touching it.
    gc.freeze()
    own = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, fds, _, _ = socket.recv_fds(requests, _MAX, 1)
        if not data:
            os._exit(0)
        request = _decode_open(data)
        if os.fork() == 0:
            requests.close()
            kernel.die_with_parent(own)
            host = FileHost(socket.socket(fileno=fds[0]), request, load, run)
            host.serve()
            os._exit(0)
        os.close(fds[0])


class FileHost:
    """Import a DAG file once; fork one process per attempt; report their ends."""

    def __init__(self, sock: socket.socket, request: OpenHost, load: Loader, run: Runner) -> None:
        self._sock = sock
        self._request = request
        self._load = load
        self._run = run
        self._attempts: dict[int, str] = {}

    def serve(self) -> None:
        """Serve launches until the supervisor closes the socket."""
        os.setsid()
        kernel.adopt_orphans()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        loaded = self._import()
        gc.collect()
        gc.freeze()
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(read_end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._sock:
                        if not self._serve_one(loaded):
                            return
                    else:
                        with contextlib.suppress(BlockingIOError):
                            os.read(read_end, _MAX)
                self._reap()

    def _import(self) -> object:
        limits = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        before = {name: os.environ.get(name) for name in limits}
        # A numeric library that starts threads at import would make forking unsafe.
        os.environ.update(dict.fromkeys(limits, "1"))
        try:
            return self._load(self._request.path, self._request.folder)
        except BaseException as error:  # noqa: BLE001  a DAG file may raise anything, SystemExit too
            return ImportFailure("".join(traceback.format_exception(error)))
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _serve_one(self, loaded: object) -> bool:
        data, fds, _, _ = socket.recv_fds(self._sock, _MAX, 2)
        if not data:
            return False
        request = _decode_request(data)
        if isinstance(request, SignalIn):
            self._signal(request)
            return True
        self._launch(loaded, request.attempt_id, fds)
        return True

    def _signal(self, request: SignalIn) -> None:
        for pid, attempt_id in self._attempts.items():
            if attempt_id == request.attempt_id:
                send = os.killpg if request.signum == signal.SIGKILL else os.kill
                with contextlib.suppress(ProcessLookupError):
                    send(pid, request.signum)

    def _launch(self, loaded: object, attempt_id: str, fds: list[int]) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid:
            self._attempts[pid] = attempt_id
            for fd in fds:
                os.close(fd)
            return
        try:
            kernel.die_with_parent(own)
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._sock.close()
            os.environ[_ATTEMPT_VARIABLE] = attempt_id
            self._run(attempt_id, loaded, fds[0], fds[1])
        except BaseException:  # noqa: BLE001  the last frame of a process
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            attempt_id = self._attempts.pop(pid, None)
            if attempt_id is None:
                continue
            _kill_session(pid)
            with contextlib.suppress(OSError):
                self._sock.send(_encode(Exited(attempt_id, status)))
        self._kill_orphans()

    def _kill_orphans(self) -> None:
        """Kill what ended attempts left behind: adopted processes that carry their id."""
        strangers = kernel.children() - self._attempts.keys()
        running = {f"{_ATTEMPT_VARIABLE}={a}".encode() for a in self._attempts.values()}
        for pid in strangers:
            if not running.intersection(kernel.environment(pid).split(b"\0")):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _kill_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _nothing(_signum: int, _frame: object) -> None:
    """Exist, so that the wake-up descriptor is written."""
