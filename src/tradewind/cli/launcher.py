"""Supervise the parts of Tradewind as child processes of one launcher.

The servers are forked from the launcher after it has imported their code, so that they start
in milliseconds and share that memory; the worker and the triggerer, which run user code, are
started as programs of their own. The launcher has no threads and sleeps until a signal, a
child's end, or the scheduler's bell ("something has deferred: a triggerer is wanted").

A part that ends without being told to is started again, at once the first time and then with
growing pauses. When the launcher is told to stop, the parts are stopped in phases: those that
bring in work and those that do it, then the scheduler, which until then takes the results. A
second signal stops everything at once. Should the launcher itself be killed, the kernel sends
every part a SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from tradewind.clock import Clock
from tradewind.errors import TradewindError

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0
"""A part that ran this long is healthy again: its next pause is the first one."""
SLACK_S = 5.0
"""Beyond its own grace a part gets this long to end before it is killed."""

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Start = Callable[[], int]
"""Start a process and return its pid."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A process to keep running.

    phase: parts of a lower phase are stopped first. grace_s: how long it may take to stop.
    on_bell: started only when the bell rings with its name.
    """

    name: str
    start: Start
    phase: int = 0
    grace_s: float = 0.0
    on_bell: bool = False


class _Child(msgspec.Struct):
    part: Part
    wanted: bool
    pid: int | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S


class Launcher:
    """Keep parts running until told to stop."""

    def __init__(self, bell: socket.socket, clock: Clock) -> None:
        self._children: list[_Child] = []
        self._bell = bell
        self._clock = clock
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stops = 0
        self._notices: dict[int, Callable[[], None]] = {}

    def add(self, parts: Sequence[Part]) -> None:
        """Start parts now, except those that wait for the bell."""
        self._children += [_Child(part=part, wanted=not part.on_bell) for part in parts]
        self._start_due()

    def run(self, notices: Mapping[int, Callable[[], None]] | None = None) -> None:
        """Keep the parts running until a signal says to stop, then stop them.

        Args:
            notices: what to do, once, when one of these descriptors can be read.
        """
        self._notices = dict(notices or {})
        # nohup's wish is respected; a background job's ignored Ctrl-C is not needed.
        heeded = [n for n in _SIGNALS if not (n == signal.SIGHUP and _is_ignored(n))]
        before = {number: signal.signal(number, self._on_signal) for number in heeded}
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            while not self._stops:
                self._start_due()
                self._wait(self._until_next_start())
            log.info("stopping")
            self.stop()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Stop the parts, phase by phase, and wait for their end."""
        self._stops = max(self._stops, 1)
        for phase in sorted({c.part.phase for c in self._children}):
            stopping = [c for c in self._children if c.part.phase == phase and c.pid is not None]
            self._signal(stopping, signal.SIGTERM)
            self._await_end(stopping)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stops += 1

    # ---- running --------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        for child in self._children:
            if child.wanted and child.pid is None and child.start_at <= now:
                child.pid = child.part.start()
                child.started_at = now

    def _until_next_start(self) -> float | None:
        waiting = [c.start_at for c in self._children if c.wanted and c.pid is None]
        return max(0.0, min(waiting) - self._clock.monotonic()) if waiting else None

    def _wait(self, timeout_s: float | None) -> None:
        """Sleep until something happens or the time is over, and take note of it."""
        watched: list[int | socket.socket] = [self._woken, self._bell, *self._notices]
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if self._bell in ready:
            self._hear()
        for descriptor in self._notices.keys() & set(ready):
            self._notices.pop(descriptor)()
        self._reap()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                name = self._bell.recv(256).decode(errors="replace")
                for child in self._children:
                    if child.part.name == name and not child.wanted:
                        log.info("starting the %s: it is needed now", name)
                        child.wanted = True

    def _reap(self) -> None:
        for child in self._children:
            if child.pid is None:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._ended(child, status)

    def _ended(self, child: _Child, status: int) -> None:
        child.pid = None
        if self._stops:
            return
        now = self._clock.monotonic()
        if now - child.started_at >= STEADY_S:
            child.pause_s = FIRST_PAUSE_S
        log.warning(
            "the %s %s; starting it again in %.1f s",
            child.part.name,
            how_ended(status),
            child.pause_s,
        )
        child.start_at = now + child.pause_s
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)

    # ---- stopping -------------------------------------------------------------------------

    def _await_end(self, stopping: Sequence[_Child]) -> None:
        grace_s = max((c.part.grace_s for c in stopping), default=0.0) + SLACK_S
        deadline = self._clock.monotonic() + grace_s
        told = False
        while any(c.pid is not None for c in stopping):
            left_s = deadline - self._clock.monotonic()
            if left_s <= 0 or self._stops > 1:
                self._signal(self._children, signal.SIGKILL)
                deadline, self._stops = deadline + SLACK_S, 1
            if not told and left_s < grace_s - 1.0:
                names = ", ".join(c.part.name for c in stopping if c.pid is not None)
                log.info("waiting for the %s; Ctrl-C again stops at once", names)
                told = True
            self._wait(max(0.0, min(left_s, 1.0)))

    def _signal(self, children: Sequence[_Child], number: signal.Signals) -> None:
        for child in children:
            if child.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, number)


def forked(run: Callable[[], None], *, close: Sequence[int] = ()) -> Start:
    """Return a start that forks the launcher and calls `run` in the child.

    Args:
        run: the part's main function; the child ends when it returns.
        close: descriptors of the launcher that the child must not hold.
    """

    def start() -> int:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _be_child(run, parent, close)
        return pid

    return start


def executed(command: Sequence[str], env: Mapping[str, str]) -> Start:
    """Return a start that runs a program."""

    def start() -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                _leave_launcher(parent)
                os.execve(command[0], list(command), dict(env))
            except OSError as error:
                sys.stderr.write(f"cannot start {command[0]}: {error}\n")
            finally:
                os._exit(127)
        return pid

    return start


def _be_child(run: Callable[[], None], parent: int, close: Sequence[int]) -> NoReturn:
    code = 1
    try:
        _leave_launcher(parent)
        for descriptor in close:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        run()
        code = 0
    except TradewindError as error:
        log.error("%s", error)  # noqa: TRY400  the message is for the operator, no trace needed
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        log.exception("stopped by an error")
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # Not sys.exit: what the launcher would do at its own end is not the child's business.
        os._exit(code)


def _leave_launcher(parent: int) -> None:
    """Take the launcher's signal handling off, and die with it.

    A group of its own keeps the terminal's Ctrl-C away: the launcher decides who stops when.
    """
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if not _is_ignored(number):
            signal.signal(number, signal.SIG_DFL)
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # It died in between: no signal will come.
        os._exit(1)


def share_memory() -> None:
    """Keep the collector from touching, and so copying, what forked parts share."""
    gc.collect()
    gc.freeze()


def open_bell(path: Path) -> socket.socket:
    """Return the socket on which a part may ask for another, by its name."""
    path.unlink(missing_ok=True)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.setblocking(False)  # noqa: FBT003  the stdlib's signature
    bell.bind(str(path))
    path.chmod(0o600)
    return bell


def how_ended(status: int) -> str:
    """Return how a process ended, for people."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN


_libc = ctypes.CDLL(None, use_errno=True)
