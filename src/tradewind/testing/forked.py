"""Run each attempt in a forked process of its own.

The parent holds the runs and answers calls; it has the DAG file imported, so that an attempt
starts in the time of a fork. What a task prints and logs comes back through a pipe, line by
line. A process that ends without a report has failed, and the reason says how it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from tradewind.model.ids import AttemptId, TaskKey
from tradewind.sdk import masking
from tradewind.testing.attempts import Answer, Ended, vanished
from tradewind.testing.child import run_child
from tradewind.wire import framing
from tradewind.wire.messages import Assignment, CallbackDone, Finish, Mask, Reply, Request
from tradewind.wire.replies import refusal

_READ = 1 << 18
_GRACE_S = 5.0
"""Between asking a task to stop and killing it: its on_kill runs meanwhile."""

_LAST_READS = 64
"""Of what an ended process left in its pipe and socket, `_READ` bytes at most each."""

Line = Callable[[str, TaskKey, str], None]


class _Process:
    """A forked attempt."""

    def __init__(
        self, assignment: Assignment, pid: int, control: socket.socket, log_fd: int
    ) -> None:
        self.assignment = assignment
        self.pid = pid
        self.control = control
        self.log_fd = log_fd
        self.exit_fd = os.pidfd_open(pid)
        self.reader = framing.FrameReader()
        self.rest = b""
        self.ended: Ended | None = None


class ForkedAttempts:
    """Run attempts in processes.

    Args:
        loop: turns while the runner waits.
        answer: answers calls of user code.
        news: called when an attempt has ended.
        line: told of each line of a log: run id, task, text.
    """

    at_once = False

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        answer: Answer,
        news: Callable[[], None],
        line: Line,
    ) -> None:
        self._loop = loop
        self._answer = answer
        self._news = news
        self._line = line
        self._processes: dict[str, _Process] = {}
        self._ended: list[Ended] = []
        self._all_gone = asyncio.Event()

    def start(self, dag: Any, assignment: Assignment) -> None:
        """Fork a process for an attempt or a callback."""
        control, theirs = socket.socketpair()
        log_read, log_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            for process in self._processes.values():
                process.control.close()
                os.close(process.log_fd)
            control.close()
            os.close(log_read)
            run_child(dag, assignment, theirs, log_write)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does the same; whoever comes first
        theirs.close()
        os.close(log_write)
        os.set_blocking(log_read, False)
        control.setblocking(False)  # noqa: FBT003  the stdlib's signature
        process = _Process(assignment, pid, control, log_read)
        self._processes[assignment.attempt_id] = process
        self._all_gone.clear()
        self._loop.add_reader(control, self._readable, process)
        self._loop.add_reader(log_read, self._logged, process)
        self._loop.add_reader(process.exit_fd, self._gone, process)

    def take(self) -> list[Ended]:
        """Return what has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def running(self) -> int:
        """Return how many processes there are."""
        return len(self._processes)

    def cancel(self, attempt_id: AttemptId, reason: str) -> None:
        """Ask a process to stop; kill it when it does not within the grace."""
        process = self._processes.get(attempt_id)
        if process is None:
            return
        self._line(process.assignment.run.run_id, _task(process), f"is stopped: {reason}")
        _signal(process, signal.SIGTERM)
        self._loop.call_later(_GRACE_S, self._kill, process)

    def close(self) -> None:
        """Ask all processes to stop, and kill those that do not within the grace."""
        for process in self._processes.values():
            _signal(process, signal.SIGTERM)
            self._loop.call_later(_GRACE_S, self._kill, process)
        if not self._processes:
            return
        try:
            self._loop.run_until_complete(self._all_gone.wait())
        except KeyboardInterrupt:  # a second Ctrl-C: no more patience
            for process in self._processes.values():
                _signal(process, signal.SIGKILL)
            self._loop.run_until_complete(self._all_gone.wait())

    def _kill(self, process: _Process) -> None:
        if process.assignment.attempt_id in self._processes:
            _signal(process, signal.SIGKILL)

    # ---- called in the loop ---------------------------------------------------------------

    def _readable(self, process: _Process) -> bool:
        """Take in what the process says; False when there is nothing."""
        try:
            data = process.control.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(process.control)
            return False
        for frame in process.reader.feed(data):
            message = framing.decode_to_server(frame)
            if isinstance(message, Request):
                self._request(process, message)
            elif isinstance(message, Finish):
                names = set(Ended.__struct_fields__) - {"assignment"}
                fields = {name: getattr(message, name) for name in names}
                process.ended = Ended(assignment=process.assignment, **fields)
            elif isinstance(message, CallbackDone):
                process.ended = Ended(assignment=process.assignment)
        return True

    def _request(self, process: _Process, request: Request) -> None:
        reply: Reply
        try:
            if isinstance(request.call, Mask):
                masking.mask_secret(request.call.secret)
                reply = Reply(seq=request.seq)
            else:
                body = self._answer(process.assignment, request.call)
                reply = Reply(seq=request.seq, body=body)
        except Exception as error:  # noqa: BLE001  it is the caller's, and is raised there
            reply = refusal(request.seq, error)
        process.control.setblocking(True)  # noqa: FBT003  the stdlib's signature
        with contextlib.suppress(OSError):  # the process has just ended
            process.control.sendall(framing.encode(reply))
        process.control.setblocking(False)  # noqa: FBT003  the stdlib's signature

    def _logged(self, process: _Process) -> bool:
        """Take in what the process prints; False when there is nothing."""
        try:
            data = os.read(process.log_fd, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(process.log_fd)
            return False
        *lines, process.rest = (process.rest + data).split(b"\n")
        for line in lines:
            self._tell(process, line)
        return True

    def _tell(self, process: _Process, line: bytes) -> None:
        text = masking.redact(line.decode("utf-8", "replace"))
        self._line(process.assignment.run.run_id, _task(process), text)

    def _gone(self, process: _Process) -> None:
        """Take leave of a process that has ended: take in what it said last."""
        _, status = os.waitpid(process.pid, 0)
        _signal(process, signal.SIGKILL)  # what it started and left behind
        for fd in (process.exit_fd, process.log_fd, process.control):
            self._loop.remove_reader(fd)
        process.control.setblocking(False)  # noqa: FBT003  the stdlib's signature
        for take in (self._readable, self._logged):
            for _ in range(_LAST_READS):
                if not take(process):
                    break
        if process.rest:
            self._tell(process, process.rest)
        process.control.close()
        os.close(process.log_fd)
        os.close(process.exit_fd)
        del self._processes[process.assignment.attempt_id]
        if not self._processes:
            self._all_gone.set()
        self._ended.append(process.ended or vanished(process.assignment, _how(status)))
        self._news()


def _task(process: _Process) -> TaskKey:
    return TaskKey(process.assignment.task_id, process.assignment.map_index)


def _signal(process: _Process, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"its process ended with exit code {code} before it reported"
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"its process was killed by {signal.Signals(-code).name}{hint}"
