"""The processor's side of the fork server: start imports, answer them, end them in time.

Single-threaded and non-blocking: descriptors are registered with the processor's selector and
`handle` is called for those that are ready. A fork server that dies is replaced; what it was
importing is told as lost. One that has nothing to import for a while is let go: it costs 18 MiB
to keep, and a third of a second to start.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from tradewind.clock import Clock
from tradewind.errors import Unavailable
from tradewind.model.defaults import DagDefaults
from tradewind.processor.job import Finished, Job
from tradewind.processor.protocol import (
    Answer,
    Ask,
    Kill,
    Limits,
    Ready,
    Start,
    encoder,
    from_fork_server,
)
from tradewind.wire.messages import Call

log = logging.getLogger(__name__)

_MAX_PACKET = 64 * 1024
_MAX_ASKS = 10_000
"""A file that asks for more variables than this while it is imported is in a loop."""
_GONE_AFTER_S = 5.0
"""From killing a child to giving up on the fork server that should have said so."""
Answerer = Callable[[Job, Call], Answer]


class Children:
    """The imports that are running."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        clock: Clock,
        answer: Answerer,
        env: Mapping[str, str],
        rest_s: float,
    ) -> None:
        self._selector = selector
        self._clock = clock
        self._answer = answer
        self._env = env
        self._rest_s = rest_s
        self._jobs: dict[int, Job] = {}
        self._next_id = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._is_ready = False
        self._retry_at = 0.0
        self._used_at = 0.0
        self.finished: deque[Finished] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def can_start(self) -> bool:
        """Tell whether the fork server is warm; start another when there is none."""
        if self._control is None and self._clock.monotonic() >= self._retry_at:
            self.open()
        return self._is_ready

    def open(self) -> None:
        """Start the fork server; it warms up while the processor goes on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tradewind.processor.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
            )
        self._control, self._is_ready = ours, False
        self._used_at = self._clock.monotonic()
        self._selector.register(ours, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Kill everything that runs."""
        if self._control is not None:
            self._selector.unregister(self._control)
            self._control.close()
            self._control, self._is_ready = None, False
        if self._process is not None:
            try:
                self._process.wait(timeout=_GONE_AFTER_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for job in list(self._jobs.values()):
            self._finish(job, lost=True)

    def start(
        self,
        folder: Path,
        dag_file: str,
        *,
        timeout_s: float,
        memory_limit_mb: int,
        defaults: DagDefaults,
    ) -> int:
        """Start importing a file and return the job's number; only when `can_start`."""
        self._next_id += 1
        job = Job(self._next_id, dag_file, self._clock.monotonic() + timeout_s)
        limits = Limits(cpu_s=int(timeout_s) + 2, memory_bytes=memory_limit_mb << 20)
        start = Start(job.job_id, str(folder), dag_file, limits, defaults)
        self._jobs[job.job_id] = job
        self._selector.register(job.sock, selectors.EVENT_READ, job)
        self._selector.register(job.output, selectors.EVENT_READ, job)
        try:
            if self._control is not None:
                socket.send_fds(self._control, [encoder.encode(start)], job.child_ends)
        except OSError:
            self._lose_server()
        finally:
            job.close_child_ends()
        return job.job_id

    def next_deadline(self) -> float | None:
        """Return when `expire` wants to be called."""
        if self._is_ready and not self._jobs:
            return self._used_at + self._rest_s
        return min((job.deadline for job in self._jobs.values()), default=None)

    def expire(self) -> None:
        """Kill imports whose time is up, after they wrote where they are; rest when idle."""
        now = self._clock.monotonic()
        if self._is_ready and not self._jobs and now >= self._used_at + self._rest_s:
            self.close()
            return
        for job in [job for job in self._jobs.values() if job.deadline <= now]:
            if job.timed_out:
                log.error("the fork server does not answer; starting another")
                self._lose_server()
                return
            job.timed_out = True
            job.deadline = now + _GONE_AFTER_S
            self._kill(job, show_stack=True)

    def handle(self, key: selectors.SelectorKey) -> None:
        """Take what a ready descriptor has."""
        if key.data is self:
            self._from_server()
        elif isinstance(key.data, Job) and key.data.job_id in self._jobs:
            self._from_child(key.data, key.fileobj)

    def _from_server(self) -> None:
        if self._control is None:
            return
        try:
            packet = self._control.recv(_MAX_PACKET)
        except OSError:
            packet = b""
        if not packet:
            log.warning("the fork server ended; starting another")
            self._lose_server()
            return
        message = from_fork_server.decode(packet)
        if isinstance(message, Ready):
            self._is_ready = True
            return
        job = self._jobs.get(message.job_id)
        if job is not None:
            self._drain(job)
            job.ended(message)
            self._finish(job)

    def _from_child(self, job: Job, fileobj: object) -> None:
        try:
            if fileobj is job.sock:
                for ask in job.receive():
                    self._ask(job, ask)
            else:
                job.read_output()
        except BlockingIOError:
            return
        except EOFError:
            self._selector.unregister(job.sock if fileobj is job.sock else job.output)
        except ValueError as error:
            job.blame(f"the import sent no result but {error}")
            self._kill(job)

    def _drain(self, job: Job) -> None:
        """Take what is left in the descriptors of a child that is gone."""
        with contextlib.suppress(EOFError, BlockingIOError):
            while not job.is_decided:
                try:
                    for ask in job.receive():
                        log.debug("too late to answer %r", ask)
                except ValueError as error:
                    job.blame(f"the import sent no result but {error}")
        with contextlib.suppress(EOFError, BlockingIOError):
            while True:
                job.read_output()

    def _ask(self, job: Job, ask: Ask) -> None:
        job.asks += 1
        if job.asks > _MAX_ASKS:
            job.blame(f"the import asked for variables more than {_MAX_ASKS} times")
            self._kill(job)
            return
        try:
            answer = self._answer(job, ask.call)
        except Unavailable as error:
            answer = Answer(error="unavailable", message=str(error))
        if not job.answer(answer):
            self._kill(job)

    def _kill(self, job: Job, *, show_stack: bool = False) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(encoder.encode(Kill(job.job_id, show_stack)))

    def _lose_server(self) -> None:
        """Take leave of a fork server that died; its imports are to be done again."""
        if not self._is_ready:
            log.error("the fork server cannot start; its error is above")
            self._retry_at = self._clock.monotonic() + _GONE_AFTER_S
        if self._process is not None:
            self._process.kill()
        self.close()

    def _finish(self, job: Job, *, lost: bool = False) -> None:
        del self._jobs[job.job_id]
        self._used_at = self._clock.monotonic()
        for fileobj in (job.sock, job.output):
            with contextlib.suppress(KeyError):
                self._selector.unregister(fileobj)
        self.finished.append(job.finish(lost=lost))
