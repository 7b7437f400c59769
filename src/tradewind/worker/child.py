"""The attempt's process: wait for the claim, run the task, report, end.

It talks to its supervisor only, through its control socket; user code never sees a
credential. Standard output and error are pipes to the supervisor, so that what C code and
subprocesses print is in the log as well. Records of Python's logging go the same way as
lines that are marked as JSON, in order with what is printed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import msgspec

from tradewind import kernel
from tradewind.errors import (
    Unavailable,
)
from tradewind.model.outcome import Failed
from tradewind.sdk import runtime
from tradewind.sdk.exceptions import AirflowTaskTerminated
from tradewind.wire import framing
from tradewind.wire.messages import Assignment, Call, CallbackDone, Finish, Mask
from tradewind.wire.replies import error_of
from tradewind.worker import code, inner
from tradewind.worker.logsink import STRUCTURED, stamp
from tradewind.worker.userland import Userland

_READ = 1 << 18

log = logging.getLogger("tradewind.task")


class Imported(msgspec.Struct, frozen=True):
    """A DAG file that the file host imported. set_limits: gives numeric libraries their threads."""

    dags: Mapping[str, Any]
    set_limits: tuple[Callable[[], None], ...] = ()


class Control:
    """The control socket, and the runtime of user code.

    A signal may end a call at any moment (a timeout, a stop): what is half written or half read
    then is protected from it, and the answer that comes later is told from the next by its
    number.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll: select.poll | None = None
        self._reader = framing.FrameReader()
        self._frames: deque[bytes] = deque()
        self._seq = 0
        self._pid = os.getpid()
        # User code may have threads; calls take turns.
        self._turn = threading.RLock()

    def receive(self) -> inner.Assigned | inner.Go | inner.Answer:
        """Return the next message; the process ends when the supervisor hung up.

        For the time before user code, when no signal is caught.
        """
        while not self._frames:
            self._read()
        message: inner.Assigned | inner.Go | inner.Answer
        message = inner.unframe_to_attempt(self._frames.popleft())
        return message

    def send(self, message: inner.Began | inner.Asked | inner.Ended) -> None:
        """Send a message; no signal is caught now."""
        data = memoryview(inner.frame(message))
        while data:
            data = data[os.write(self._fd, data) :]

    def call(self, call: Call) -> dict[str, Any]:
        """Do a call of user code; see `tradewind.sdk.runtime.Runtime`."""
        if os.getpid() != self._pid:
            raise Unavailable(
                "the server answers the task's own process only; read variables, connections "
                "and XComs there and hand them to the processes that it starts"
            )
        with self._turn:
            self._seq += 1
            seq = self._seq
            with _signals_held():
                self.send(inner.Asked(seq, call))
            answer = self._answer(seq)
        if answer.error is not None:
            raise error_of(answer.error, answer.message)
        return answer.body

    def mask(self, secret: str) -> None:
        """Hide a value in the log from now on."""
        self.call(Mask(secret))

    def _answer(self, seq: int) -> inner.Answer:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._fd, select.POLLIN)
        while True:
            while not self._frames:
                self._poll.poll()
                with _signals_held():
                    self._read()
            answer = self.receive()
            if isinstance(answer, inner.Answer) and answer.seq == seq:
                return answer

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except ConnectionResetError:
            data = b""
        if not data:
            os._exit(0)
        self._frames.extend(self._reader.feed(data))


def run_attempt(
    request: inner.Fork, control_fd: int, imported: Imported | None, userland: Userland
) -> None:
    """Run one attempt in this process, which was forked for it.

    Args:
        request: says which attempt it is.
        control_fd: the socket to the supervisor.
        imported: the DAG file; None: this is a clean process, which imports it itself.
        userland: how to import and run it.
    """
    control = Control(control_fd)
    assigned = control.receive()
    assert isinstance(assigned, inner.Assigned)
    assignment = assigned.assignment
    _log.take(os.dup(1))  # apart from standard output, which user code may redirect
    _set_up_environment(request.attempt_id, assignment)
    runtime.install(control)
    control.receive()  # Go; a refused claim ends the process here, before any user code
    signal.signal(signal.SIGTERM, _terminated)
    report: Finish | CallbackDone
    run = _callback if assignment.kind == "callback" else _task
    try:
        dags = _imported_dags(control, assignment, request.place, imported, userland)
        report = run(control, assignment, dags, userland)
    except (Exception, SystemExit, AirflowTaskTerminated, _NotRunnable) as error:
        if not isinstance(error, _NotRunnable):
            log.exception("the attempt failed outside of the task's own code")
        report = _failure(
            assignment, _last_line(error), retryable=not isinstance(error, _NotRunnable)
        )
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGTERM})
    _flush()
    control.send(inner.Ended(report, alone=not kernel.has_children()))


class _NotRunnable(Exception):
    """The file does not have what is to be run; trying again does not help."""


def _imported_dags(
    control: Control,
    assignment: Assignment,
    place: code.Place,
    imported: Imported | None,
    userland: Userland,
) -> Mapping[str, Any]:
    if imported is not None:
        for set_limit in imported.set_limits:
            set_limit()
        return imported.dags
    control.send(inner.Began(os.getpid(), None))
    try:
        code.hold(place.folder)
        return userland.load(*place)
    except (Exception, SystemExit) as error:
        raise _ImportFailed(assignment.dag_file) from error


class _ImportFailed(Exception):
    """The DAG file cannot be imported."""

    def __str__(self) -> str:
        return f"importing the DAG file {self.args[0]} failed: {_last_line(self.__cause__)}"


def _task(
    control: Control, assignment: Assignment, dags: Mapping[str, Any], userland: Userland
) -> Finish:
    dag = _dag(assignment, dags)
    try:
        task = dag.get_task(assignment.task_id)
    except Exception as error:
        raise _missing(
            f"DAG {assignment.run.dag_id!r} in {assignment.dag_file} has no task "
            f"{assignment.task_id!r} any more"
        ) from error
    timeout = getattr(task, "execution_timeout", None)
    control.send(inner.Began(os.getpid(), timeout.total_seconds() if timeout else None))
    execution = userland.execute(dag, assignment)
    return Finish(
        seq=0,
        attempt_id=assignment.attempt_id,
        nonce="",
        outcome=execution.outcome,
        xcoms=execution.xcoms,
        mapped_length=execution.mapped_length,
        returned=execution.returned,
        asset_events=execution.asset_events,
        rendered_fields=execution.rendered_fields,
        rendered_map_index=execution.rendered_map_index,
    )


def _callback(
    control: Control, assignment: Assignment, dags: Mapping[str, Any], userland: Userland
) -> CallbackDone:
    dag = _dag(assignment, dags)
    control.send(inner.Began(os.getpid(), None))
    try:
        userland.run_callback(dag, assignment)
    except (Exception, SystemExit) as error:
        log.exception("the callback failed")
        return _callback_done(assignment, _last_line(error))
    return _callback_done(assignment, None)


def _dag(assignment: Assignment, dags: Mapping[str, Any]) -> Any:
    dag = dags.get(assignment.run.dag_id)
    if dag is None:
        has = ", ".join(sorted(dags)) or "none"
        raise _missing(
            f"DAG {assignment.run.dag_id!r} is not in {assignment.dag_file} any more; "
            f"the DAGs there: {has}"
        )
    return dag


def _missing(text: str) -> _NotRunnable:
    log.error("%s", text)
    return _NotRunnable(text)


def _failure(assignment: Assignment, error: str, *, retryable: bool) -> Finish | CallbackDone:
    if assignment.kind == "callback":
        return _callback_done(assignment, error)
    return Finish(
        seq=0,
        attempt_id=assignment.attempt_id,
        nonce="",
        outcome=Failed(error=error, retryable=retryable),
    )


def _callback_done(assignment: Assignment, error: str | None) -> CallbackDone:
    callback = assignment.callback
    return CallbackDone(
        seq=0,
        attempt_id=assignment.attempt_id,
        nonce="",
        callback_id=callback.callback_id if callback is not None else 0,
        error=error,
    )


def _last_line(error: BaseException | None) -> str:
    if isinstance(error, _ImportFailed | _NotRunnable):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip() if error else ""


# ---- the process's surroundings -------------------------------------------------------------


def _set_up_environment(attempt_id: str, assignment: Assignment) -> None:
    """Name the attempt, to user code and to what it starts.

    Systems outside can refuse what an older attempt of the task still sends, by the fence.
    """
    os.environ["TRADEWIND_ATTEMPT_ID"] = attempt_id
    os.environ["TRADEWIND_FENCE"] = str(assignment.fence)


class _PipeHandler(logging.Handler):
    """Write each record as one line of JSON, marked as such."""

    def __init__(self) -> None:
        super().__init__()
        self._fd = 1

    def take(self, fd: int) -> None:
        """Write to this descriptor from now on."""
        self._fd = fd

    def give_back(self) -> None:
        """Close the descriptor that was taken, and write to standard output."""
        os.close(self._fd)
        self._fd = 1

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line: dict[str, Any] = {
                "ts": stamp(record.created),
                "level": record.levelname.lower(),
                "source": record.name,
                "event": record.getMessage(),
            }
            if record.exc_info and record.exc_info[0] is not None:
                line["exc"] = "".join(traceback.format_exception(*record.exc_info))
            if record.stack_info:
                line["stack"] = record.stack_info
            # What was printed before comes before.
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            data = memoryview(STRUCTURED + _json(line) + b"\n")
            while data:
                data = data[os.write(self._fd, data) :]
        except Exception:  # noqa: BLE001  as every handler of logging does
            self.handleError(record)


def _json(line: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(line)
    except UnicodeEncodeError:  # a lone surrogate
        return msgspec.json.encode(
            {k: v.encode("utf-8", "backslashreplace").decode() for k, v in line.items()}
        )


_log = _PipeHandler()
give_back_log = _log.give_back


def prepare_streams() -> None:
    """Send logging to the log, and have printed lines come out at once.

    In the file host, so that its attempts have it by being forked: they put their own pipes
    under the same descriptors.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0, inheritable=True)
    os.close(null)
    # Streams of our own: the inherited ones buffer as the supervisor's do.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _line_stream(1)
    sys.stderr = _line_stream(2)
    root = logging.getLogger()
    root.handlers[:] = [_log]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def _line_stream(fd: int) -> Any:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _terminated(_signum: int, _frame: FrameType | None) -> None:
    # Once: what stops the task now must not be stopped in turn.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise AirflowTaskTerminated("the attempt was stopped")


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    held = {signal.SIGTERM, signal.SIGALRM}
    signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)
