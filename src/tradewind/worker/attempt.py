"""An attempt as its supervisor holds it: two descriptors, a log, and what is known of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from datetime import datetime
from pathlib import Path

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.logs import instance_folder, segment_path
from tradewind.wire.messages import Launch, ToServer
from tradewind.worker.logsink import LogSink, Masker

_READ = 1 << 16


class LiveAttempt:
    """One forked attempt.

    nonce: of its claim. claimed: the scheduler accepted the claim. reported: it sent its
    outcome. fenced: whatever it says no longer counts. cancelled: why it was told to stop.
    kill_at: monotonic seconds of the SIGKILL that follows.
    """

    def __init__(
        self,
        launch: Launch,
        host_key: tuple[str, str],
        sink: LogSink,
        masker: Masker,
        nonce: str,
    ) -> None:
        self.attempt_id: AttemptId = launch.attempt_id
        self.host_key = host_key
        self.nonce = nonce
        self.sink = sink
        self.masker = masker
        self.claimed = self.reported = self.fenced = False
        self.control_closed = self.log_closed = self.closed = False
        self.cancelled: str | None = None
        self.kill_at: float | None = None
        self._reader = framing.FrameReader()
        self.control, self._child_control = socket.socketpair()
        self.control.setblocking(False)  # noqa: FBT003  the stdlib's signature
        self.log_fd, self._child_log = os.pipe()
        os.set_blocking(self.log_fd, False)

    @classmethod
    def open(
        cls, launch: Launch, host_key: tuple[str, str], log_folder: Path, nonce: str
    ) -> LiveAttempt:
        """Make the descriptors and the log of a launch."""
        assignment = launch.assignment
        folder = instance_folder(
            log_folder,
            assignment.run.dag_id,
            assignment.run.run_id,
            assignment.task_id,
            assignment.map_index,
        )
        path = segment_path(folder, assignment.try_number, assignment.fence)
        masker = Masker()
        return cls(launch, host_key, LogSink(log_folder, path, masker), masker, nonce)

    def take_child_ends(self) -> tuple[int, int]:
        """Return the descriptors that the forked process gets; the caller closes them."""
        return self._child_control.detach(), self._child_log

    def write(self, frame: bytes) -> None:
        """Send a frame to the process. It reads before it writes, so this does not wait long."""
        self.control.setblocking(True)  # noqa: FBT003
        with contextlib.suppress(OSError):
            self.control.sendall(frame)
        self.control.setblocking(False)  # noqa: FBT003

    def receive(self) -> list[ToServer]:
        """Return what the process said; `control_closed` once it can say no more."""
        messages: list[ToServer] = []
        while True:
            try:
                data = self.control.recv(_READ)
            except BlockingIOError:
                return messages
            except OSError:
                data = b""
            if not data:
                self.control_closed = True
                return messages
            try:
                messages.extend(framing.decode_to_server(f) for f in self._reader.feed(data))
            except msgspec.MsgspecError:
                self.control_closed = True
                return messages

    def drain_log(self, now: datetime) -> bool:
        """Read what is in the log pipe; False at its end."""
        while True:
            try:
                data = os.read(self.log_fd, _READ)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.sink.feed(data, now)

    def close(self, now: datetime) -> int:
        """Close everything but the log file, whose descriptor is returned to be synced."""
        self.closed = True
        self.control.close()
        os.close(self.log_fd)
        return self.sink.finish(now)


def end_reason(status: int) -> str | None:
    """Return how a process ended, for people; None for a clean exit.

    Args:
        status: as waitpid gives it.
    """
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return None
    if code > 0:
        return f"its process ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"killed by {name}{hint}"
