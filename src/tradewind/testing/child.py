"""The process of a forked attempt: run it, report, end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from tradewind.errors import Unavailable
from tradewind.model.ids import AttemptId
from tradewind.sdk import current, runtime
from tradewind.sdk.exceptions import AirflowTaskTerminated
from tradewind.sdk.execution import execute, run_callback
from tradewind.sdk.waiting import SystemWaiter
from tradewind.wire import framing
from tradewind.wire.messages import Assignment, Call, CallbackDone, Finish, Mask, Reply, Request
from tradewind.wire.replies import raise_refusal


class _Control:
    """The runtime of the process: asks the parent, one call at a time."""

    def __init__(self, sock: socket.socket, attempt_id: AttemptId) -> None:
        self._sock = sock
        self._attempt_id = attempt_id
        self._reader = framing.FrameReader()
        self._seq = 0
        self._pid = os.getpid()

    def call(self, call: Call) -> dict[str, Any]:
        """Do a call; see `tradewind.sdk.runtime.Runtime`."""
        if os.getpid() != self._pid:
            raise Unavailable("only the task's own process can ask, not one that it started")
        self._seq += 1
        request = Request(seq=self._seq, attempt_id=self._attempt_id, nonce="", call=call)
        self._sock.sendall(framing.encode(request))
        reply = self._reply()
        raise_refusal(reply)
        return reply.body

    def _reply(self) -> Reply:
        while True:
            data = self._sock.recv(1 << 18)
            if not data:
                os._exit(1)  # the parent is gone
            for frame in self._reader.feed(data):
                message = framing.decode_to_worker(frame)
                # A reply to a call that a signal ended comes late and is nobody's any more.
                if isinstance(message, Reply) and message.seq == self._seq:
                    return message

    def mask(self, secret: str) -> None:
        """Hide a value in the log."""
        self.call(Mask(secret))

    def send(self, message: Finish | CallbackDone) -> None:
        """Send the report."""
        self._sock.sendall(framing.encode(message))


def run_child(dag: Any, assignment: Assignment, sock: socket.socket, log_fd: int) -> NoReturn:
    """Run an attempt or a callback in this process, which was forked for it, and end."""
    code = 1
    try:
        os.setpgid(0, 0)  # Ctrl-C is the parent's; it asks us to stop
        _set_up_streams(log_fd)
        control = _Control(sock, assignment.attempt_id)
        runtime.install(control)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _terminated)
        with current.waiting_with(SystemWaiter()):
            message = _callback(dag, assignment) if assignment.callback else _task(dag, assignment)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _flush()
        control.send(message)
        code = 0
    except BaseException:
        logging.getLogger("tradewind.task").exception("the attempt failed outside of user code")
    finally:
        _flush()
        os._exit(code)


def _task(dag: Any, assignment: Assignment) -> Finish:
    execution = execute(dag, assignment)
    fields = {name: getattr(execution, name) for name in execution.__struct_fields__}
    return Finish(seq=0, attempt_id=assignment.attempt_id, nonce="", **fields)


def _callback(dag: Any, assignment: Assignment) -> CallbackDone:
    with contextlib.suppress(Exception):  # it is in the log
        run_callback(dag, assignment)
    return CallbackDone(seq=0, attempt_id=assignment.attempt_id, nonce="", callback_id=0)


def _set_up_streams(log_fd: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(null)
    os.close(log_fd)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)  # noqa: FBT003  the stdlib's signature


def _terminated(_signum: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise AirflowTaskTerminated("the attempt was stopped")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
