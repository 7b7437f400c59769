"""The attempt's process: wait for the claim, run the task, report, end.

Everything it says goes through its control socket to the supervisor, which adds the nonce;
user code never sees a credential. Its standard output and error, and its logging, go to the
log pipe.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

from tradewind.errors import AlreadyExists, Fenced, NotFound, Unavailable, UserError
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Failed
from tradewind.sdk import runtime
from tradewind.sdk.exceptions import AirflowTaskTerminated
from tradewind.sdk.execution import Execution, Loaded, execute, run_callback
from tradewind.wire import framing
from tradewind.wire.messages import (
    Assignment,
    Call,
    CallbackDone,
    Finish,
    Launch,
    Mask,
    Reply,
    Request,
)
from tradewind.worker import kernel
from tradewind.worker.hosts import ImportFailure
from tradewind.worker.logsink import STRUCTURED

_ERRORS: dict[str, type[Exception]] = {
    "not_found": NotFound,
    "already_exists": AlreadyExists,
    "invalid": UserError,
    "paused": UserError,
    "fenced": Fenced,
    "unavailable": Unavailable,
}


class Control:
    """Talk to the supervisor, one request at a time."""

    def __init__(self, fd: int) -> None:
        self._sock = socket.socket(fileno=fd)
        self._reader = framing.FrameReader()
        self._frames: list[bytes] = []
        self._seq = 0
        self.attempt_id = AttemptId("")

    def receive(self) -> Launch | Reply:
        """Return the next message; the process ends when the supervisor is gone."""
        while not self._frames:
            data = self._sock.recv(1 << 18)
            if not data:
                os._exit(1)
            self._frames.extend(self._reader.feed(data))
        message = framing.decode_to_worker(self._frames.pop(0))
        assert isinstance(message, Launch | Reply)
        return message

    def next_seq(self) -> int:
        """Return a number for the next message."""
        self._seq += 1
        return self._seq

    def send(self, message: Request | Finish | CallbackDone) -> None:
        """Send a message."""
        self._sock.sendall(framing.encode(message))

    def call(self, call: Call) -> dict[str, Any]:
        """Do a call of user code; see `tradewind.sdk.runtime.Runtime`."""
        seq = self.next_seq()
        self.send(Request(seq=seq, attempt_id=self.attempt_id, nonce="", call=call))
        while True:
            reply = self.receive()
            if isinstance(reply, Reply) and reply.seq == seq:
                break
        if reply.error is not None:
            raise _ERRORS.get(reply.error, Unavailable)(reply.message or reply.error)
        return reply.body

    def mask(self, secret: str) -> None:
        """Hide a value in the log from now on."""
        self.call(Mask(secret))


def run(attempt_id: str, loaded: object, control_fd: int, log_fd: int) -> None:
    """Run one attempt in this forked process."""
    kernel.hide_memory()
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(log_fd)
    control = Control(control_fd)
    control.attempt_id = AttemptId(attempt_id)
    launch = control.receive()
    go = control.receive()
    if not isinstance(launch, Launch) or not isinstance(go, Reply) or go.error is not None:
        return
    signal.signal(signal.SIGTERM, _terminated)
    set_up_logging()
    runtime.install(control)
    assignment = launch.assignment
    if assignment.kind == "callback":
        _callback(control, assignment, loaded)
    else:
        _task(control, assignment, loaded)
    sys.stdout.flush()
    sys.stderr.flush()


def _task(control: Control, assignment: Assignment, loaded: object) -> None:
    execution = _execute(assignment, loaded)
    sys.stdout.flush()
    control.send(
        Finish(
            seq=control.next_seq(),
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
    )


def _execute(assignment: Assignment, loaded: object) -> Execution:
    dag = _dag(assignment, loaded)
    if isinstance(dag, str):
        logging.getLogger("tradewind.task").error(dag)
        return Execution(outcome=Failed(error=dag.strip().rpartition("\n")[2] or dag))
    return execute(dag, assignment)


def _dag(assignment: Assignment, loaded: object) -> Any:
    if isinstance(loaded, ImportFailure):
        return f"the DAG file {assignment.dag_file} cannot be imported:\n{loaded.text}"
    assert isinstance(loaded, Loaded)
    dag = loaded.dags.get(assignment.run.dag_id)
    if dag is None:
        return (
            f"DAG {assignment.run.dag_id!r} is not in {assignment.dag_file} any more; "
            f"it has {', '.join(sorted(loaded.dags)) or 'no DAG'}"
        )
    return dag


def _callback(control: Control, assignment: Assignment, loaded: object) -> None:
    error: str | None = None
    dag = _dag(assignment, loaded)
    try:
        if isinstance(dag, str):
            error = dag
        else:
            run_callback(dag, assignment)
    except Exception as failure:  # noqa: BLE001  user code may raise anything
        error = "".join(traceback.format_exception(failure))
        logging.getLogger("tradewind.task").error("the callback failed:\n%s", error)  # noqa: TRY400  the text is trimmed
    callback = assignment.callback
    control.send(
        CallbackDone(
            seq=control.next_seq(),
            attempt_id=assignment.attempt_id,
            nonce="",
            callback_id=callback.callback_id if callback else 0,
            error=error,
        )
    )


class _PipeHandler(logging.Handler):
    """Write each record as one structured line."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            event["exc"] = "".join(traceback.format_exception(*record.exc_info))
        sys.stdout.flush()
        os.write(1, STRUCTURED + msgspec.json.encode(event) + b"\n")


def set_up_logging() -> None:
    """Send logging to the pipe, and have printed lines come out at once."""
    root = logging.getLogger()
    root.handlers[:] = [_PipeHandler()]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)  # noqa: FBT003
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115


def _terminated(_signum: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise AirflowTaskTerminated("the attempt was stopped")
