"""An attempt as its supervisor holds it: descriptors, a log, and what is known of it."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from tradewind.errors import Bug
from tradewind.wire import framing
from tradewind.wire.logs import log_path
from tradewind.wire.messages import Assignment, CallbackDone, Finish, Launch
from tradewind.worker import inner
from tradewind.worker.code import Pin, Place, pin_of
from tradewind.worker.logsink import NO_LIMIT, LogSink
from tradewind.worker.masking import Masker

_READ = 1 << 16
_MAX_READS = 64
"""At the end of an attempt no more than this is read at once: 4 MiB, a pipe holds 64 KiB."""


class Stop(StrEnum):
    """Why an attempt was told to stop."""

    CANCELLED = "cancelled"
    FENCED = "fenced"
    NO_SCHEDULER = "no scheduler"
    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"


class Attempt:
    """One launch.

    place: the code that it runs, as far as that is known. pin: what it should be.
    nonce: of its claim. claimed: the scheduler accepted the claim. began: user code may have
    run. report: what it came to, once that is known. sent: the scheduler was told. silent:
    its process can say no more. lost: why it is dying, when its host has died. stop,
    stop_reason: why it was told to stop.
    """

    def __init__(
        self,
        launch: Launch,
        nonce: str,
        log_folder: Path,
        live: Place,
        log_limit_bytes: int = NO_LIMIT,
    ) -> None:
        """Make the descriptors.

        Args:
            launch: what to run.
            nonce: of the claim.
            log_folder: where logs are.
            live: its DAG file in the live DAG folder.
            log_limit_bytes: so much of what it prints is kept; 0: all of it.

        Raises:
            OSError: there are too many already.
        """
        self.place = live
        self.pin: Pin = pin_of(launch.assignment)
        self.attempt_id = launch.attempt_id
        self.assignment: Assignment = launch.assignment
        self.nonce = nonce
        self.log_path = log_path(log_folder, launch.assignment)
        self.masker = Masker()
        self.sink = LogSink(log_folder, self.log_path, self.masker, log_limit_bytes)
        self.claimed = self.began = self.sent = self.closed = self.silent = False
        self.report: Finish | CallbackDone | None = None
        self.lost: str | None = None
        self.stop: Stop | None = None
        self.stop_reason = ""
        self.questions: set[int] = set()
        """Numbers of what was asked for it and is not answered."""
        self._reader = framing.FrameReader()
        self._outgoing = bytearray()
        with contextlib.ExitStack() as undo:
            self._control, theirs = socket.socketpair()
            undo.callback(self._control.close)
            undo.callback(theirs.close)
            self._control.setblocking(False)  # noqa: FBT003  the stdlib's signature
            self._pipes = [os.pipe()]
            undo.callback(lambda: _close_pipes(self._pipes))
            self._pipes.append(os.pipe())
            for read_end, _ in self._pipes:
                os.set_blocking(read_end, False)
            undo.pop_all()
        self._child_ends = [theirs.detach(), *(write_end for _, write_end in self._pipes)]
        self._out, self._err = (read_end for read_end, _ in self._pipes)
        self._open_logs = {self._out, self._err}

    # ---- descriptors ------------------------------------------------------------------------

    @property
    def child_ends(self) -> list[int]:
        """Return the process's ends: control socket, standard output, standard error."""
        return self._child_ends

    def close_child_ends(self) -> None:
        """Close the process's ends: it has them now, or never will."""
        for fd in self._child_ends:
            os.close(fd)
        self._child_ends = []

    def watch(
        self,
        selector: selectors.BaseSelector,
        heard: Callable[[Attempt], None],
        now: Callable[[], datetime],
    ) -> None:
        """Have the process heard, and its output written to the log."""
        self._selector = selector

        def on_control(mask: int) -> None:
            if mask & selectors.EVENT_WRITE and not self.closed:
                self._flush()
            if mask & selectors.EVENT_READ and not self.closed:
                heard(self)

        selector.register(self._control, selectors.EVENT_READ, on_control)
        self._on_control = on_control
        for fd in (self._out, self._err):
            selector.register(fd, selectors.EVENT_READ, lambda _, fd=fd: self._read(fd, now()))

    def send(self, message: inner.Assigned | inner.Go | inner.Answer) -> None:
        """Send a message to the process, now or when it reads."""
        idle = not self._outgoing
        self._outgoing += inner.frame(message)
        if idle:
            self._flush()

    def receive(self) -> tuple[list[inner.Began | inner.Asked | inner.Ended], bool]:
        """Return what the process said, and whether it can say more."""
        messages: list[inner.Began | inner.Asked | inner.Ended] = []
        while True:
            try:
                data = self._control.recv(_READ)
            except BlockingIOError:
                return messages, True
            except OSError:
                return messages, False
            if not data:
                return messages, False
            try:
                messages += map(inner.unframe_from_attempt, self._reader.feed(data))
            except (msgspec.MsgspecError, Bug):
                # User code got hold of the socket; nothing that comes can be trusted.
                return messages, False

    def hang_up(self) -> None:
        """Listen no more; a process that waits for an answer ends."""
        self.silent = True
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._control)
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def drain(self, now: datetime) -> None:
        """Write to the log what is in the pipes, to the last character."""
        for fd in tuple(self._open_logs):
            for _ in range(_MAX_READS):
                if not self._read(fd, now):
                    break
        self.sink.end_lines(now)

    def close(self, now: datetime) -> int:
        """Close everything; return the log's descriptor, to be synced and closed, or -1."""
        self.closed = True
        self.drain(now)
        self.close_child_ends()
        self.hang_up()
        self._control.close()
        for fd in tuple(self._open_logs):
            self._close_log(fd)
        return self.sink.finish(now)

    def _read(self, fd: int, now: datetime) -> bool:
        if fd not in self._open_logs:
            return False
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._close_log(fd)
        elif fd == self._out:
            self.sink.output(data, now)
        else:
            self.sink.error(data, now)
        return bool(data)

    def _close_log(self, fd: int) -> None:
        self._open_logs.discard(fd)
        self._selector.unregister(fd)
        os.close(fd)

    def _flush(self) -> None:
        try:
            while self._outgoing:
                sent = self._control.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(self._control, events, self._on_control)
            return
        except OSError:  # the process is gone; its end is reported by its host
            self._outgoing.clear()
        with contextlib.suppress(KeyError):
            if self._selector.get_key(self._control).events != selectors.EVENT_READ:
                self._selector.modify(self._control, selectors.EVENT_READ, self._on_control)


def _close_pipes(pipes: list[tuple[int, int]]) -> None:
    for read_end, write_end in pipes:
        os.close(read_end)
        os.close(write_end)
