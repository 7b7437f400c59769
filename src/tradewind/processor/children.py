"""The processor's side of the fork server: start jobs, answer children, judge how they ended.

Single-threaded and non-blocking: descriptors are registered with the processor's selector and
`handle` is called for those that are ready. A child has a deadline; what it may send is
bounded; whatever cannot be decoded is the file's fault and ends its import.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tradewind.clock import Clock
from tradewind.errors import Unavailable
from tradewind.processor.protocol import (
    LENGTH,
    MAX_RESULT,
    Answer,
    Ask,
    Defaults,
    Ended,
    FromChild,
    Kill,
    Limits,
    Mask,
    Parsed,
    Ready,
    Start,
    encoder,
    framed,
    from_child,
    from_fork_server,
)
from tradewind.processor.report import shorten
from tradewind.wire.messages import Call

log = logging.getLogger(__name__)

_READ_SIZE = 1 << 18
_MAX_PACKET = 64 * 1024
_OUTPUT_KEPT = 16 * 1024
_MAX_ASKS = 10_000
"""A file that asks for more variables than this while it is imported is in a loop."""
_SHORTEST_SECRET = 4
_GONE_AFTER_S = 5.0
"""From killing a child to giving up on the fork server that should have said so."""
_STACK_LINE = re.compile(r'^  File "(?P<file>.*)", line \d+ in .*$')

Answerer = Callable[["Child", Call], Answer]


class Child(msgspec.Struct, kw_only=True, eq=False):
    """One running job."""

    job_id: int
    dag_file: str
    deadline: float
    sock: socket.socket
    output: int
    timed_out: bool = False
    buffer: bytearray = msgspec.field(default_factory=bytearray)
    printed: bytearray = msgspec.field(default_factory=bytearray)
    secrets: set[str] = msgspec.field(default_factory=set)
    reads: dict[str, str] = msgspec.field(default_factory=dict)
    """What it read of the processor, and a digest of what it was told."""
    asks: int = 0
    result: Parsed | None = None
    fault: str | None = None


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A job that ended. fault: why there is no result, for people. lost: through no fault of it."""

    job_id: int
    dag_file: str
    result: Parsed | None
    fault: str | None = None
    lost: bool = False
    output: str = ""
    reads: dict[str, str] = {}


class Children:
    """The jobs that are running."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        clock: Clock,
        answer: Answerer,
        env: Mapping[str, str],
    ) -> None:
        self._selector = selector
        self._clock = clock
        self._answer = answer
        self._env = env
        self._children: dict[int, Child] = {}
        self._next_id = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._is_ready = False
        self._retry_at = 0.0
        self.finished: deque[Finished] = deque()

    def __len__(self) -> int:
        return len(self._children)

    def can_start(self) -> bool:
        """Tell whether a job can be started: not right after a fork server failed to start."""
        return self._control is not None or self._clock.monotonic() >= self._retry_at

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
        self._selector.register(ours, selectors.EVENT_READ, self)

    def close(self) -> None:
        """Kill everything that runs."""
        if self._control is not None:
            self._selector.unregister(self._control)
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(timeout=_GONE_AFTER_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        for child in list(self._children.values()):
            self._finish(child, lost=True)

    def start(
        self,
        folder: Path,
        dag_file: str,
        *,
        timeout_s: float,
        memory_limit_mb: int,
        defaults: Defaults,
    ) -> int:
        """Start importing a file and return the job's number."""
        if self._control is None:
            self.open()
        self._next_id += 1
        sock, their_sock = socket.socketpair()
        output, their_output = os.pipe()
        child = Child(
            job_id=self._next_id,
            dag_file=dag_file,
            deadline=self._clock.monotonic() + timeout_s,
            sock=sock,
            output=output,
        )
        start = Start(
            child.job_id,
            str(folder),
            dag_file,
            Limits(cpu_s=int(timeout_s) + 2, memory_bytes=memory_limit_mb << 20),
            defaults,
        )
        self._children[child.job_id] = child
        sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        os.set_blocking(output, False)
        self._selector.register(sock, selectors.EVENT_READ, child)
        self._selector.register(output, selectors.EVENT_READ, child)
        try:
            if self._control is not None:
                socket.send_fds(
                    self._control,
                    [encoder.encode(start)],
                    [their_sock.fileno(), their_output],
                )
        except OSError:
            self._lost()
        finally:
            their_sock.close()
            os.close(their_output)
        return child.job_id

    def next_deadline(self) -> float | None:
        """Return when `expire` wants to be called."""
        return min((c.deadline for c in self._children.values()), default=None)

    def expire(self) -> None:
        """Kill children whose time is up, after they wrote where they are."""
        now = self._clock.monotonic()
        for child in list(self._children.values()):
            if child.deadline > now:
                continue
            if child.timed_out:
                log.error("the fork server does not answer; starting another")
                self._lost()
                return
            child.timed_out = True
            child.deadline = now + _GONE_AFTER_S
            self._kill(child, show_stack=True)

    def handle(self, key: selectors.SelectorKey) -> None:
        """Take what a ready descriptor has."""
        if key.data is self:
            self._from_server()
        elif isinstance(key.data, Child) and key.data.job_id in self._children:
            if key.fileobj is key.data.sock:
                self._from_child(key.data)
            else:
                self._printed(key.data)

    def _from_server(self) -> None:
        if self._control is None:
            return
        try:
            packet = self._control.recv(_MAX_PACKET)
        except OSError:
            packet = b""
        if not packet:
            log.warning("the fork server ended; starting another")
            self._lost()
            return
        message = from_fork_server.decode(packet)
        if isinstance(message, Ready):
            self._is_ready = True
            return
        child = self._children.get(message.job_id)
        if child is not None:
            self._drain(child)
            if child.result is None and child.fault is None:
                child.fault = _ending(child, message)
            self._finish(child)

    def _drain(self, child: Child) -> None:
        """Take what is left in the descriptors of a child that is gone."""
        while self._from_child(child):
            pass
        while self._printed(child):
            pass

    def _from_child(self, child: Child) -> bool:
        """Take what a child sent; False when there is nothing more for now."""
        try:
            data = child.sock.recv(_READ_SIZE)
        except OSError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.sock)
            return False
        child.buffer += data
        try:
            while (message := _next_message(child)) is not None:
                self._take(child, message)
        except (msgspec.DecodeError, ValueError) as error:
            child.result, child.fault = None, f"the import sent no result but {error}"
            child.buffer.clear()
            self._kill(child)
            return False
        return True

    def _take(self, child: Child, message: FromChild) -> None:
        if child.fault is not None or child.result is not None:
            return
        if isinstance(message, Parsed):
            child.result = message
        elif isinstance(message, Mask):
            child.secrets.add(message.secret)
        else:
            self._ask(child, message)

    def _ask(self, child: Child, message: Ask) -> None:
        child.asks += 1
        if child.asks > _MAX_ASKS:
            child.fault = f"the import asked for variables more than {_MAX_ASKS} times"
            self._kill(child)
            return
        try:
            answer = self._answer(child, message.call)
        except Unavailable as error:
            answer = Answer(error="unavailable", message=str(error))
        try:
            child.sock.setblocking(True)  # noqa: FBT003  small, and the child is reading
            child.sock.settimeout(_GONE_AFTER_S)
            child.sock.sendall(framed(answer))
        except OSError:
            self._kill(child)
        finally:
            child.sock.setblocking(False)  # noqa: FBT003

    def _printed(self, child: Child) -> bool:
        try:
            data = os.read(child.output, _READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.output)
            return False
        child.printed += data
        if len(child.printed) > 2 * _OUTPUT_KEPT:
            del child.printed[:-_OUTPUT_KEPT]
        return True

    def _kill(self, child: Child, *, show_stack: bool = False) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(encoder.encode(Kill(child.job_id, show_stack)))

    def _lost(self) -> None:
        """Take leave of a fork server that died: its jobs are to be done again."""
        if not self._is_ready:
            log.error("the fork server cannot start; its error is above")
            self._retry_at = self._clock.monotonic() + _GONE_AFTER_S
        if self._process is not None:
            self._process.kill()
        self.close()

    def _finish(self, child: Child, *, lost: bool = False) -> None:
        del self._children[child.job_id]
        for fileobj in (child.sock, child.output):
            with contextlib.suppress(KeyError):
                self._selector.unregister(fileobj)
        child.sock.close()
        os.close(child.output)
        result = child.result
        if result is not None:
            result = msgspec.structs.replace(
                result,
                error=_masked(result.error, child.secrets) if result.error else None,
                warnings=tuple(_masked(w, child.secrets) for w in result.warnings),
            )
        self.finished.append(
            Finished(
                job_id=child.job_id,
                dag_file=child.dag_file,
                result=result,
                fault=_masked(shorten(child.fault), child.secrets) if child.fault else None,
                lost=lost and result is None,
                output=_masked(_text(child.printed), child.secrets),
                reads=child.reads,
            )
        )


def _next_message(child: Child) -> FromChild | None:
    if len(child.buffer) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(child.buffer)
    if length > MAX_RESULT:
        raise ValueError(f"{length} bytes, of at most {MAX_RESULT}")
    end = LENGTH.size + length
    if len(child.buffer) < end:
        return None
    message = from_child.decode(memoryview(child.buffer)[LENGTH.size : end].tobytes())
    del child.buffer[:end]
    return message


def _ending(child: Child, ended: Ended) -> str:
    """Say how a child ended that sent no result."""
    if child.timed_out:
        return (
            "Importing this file takes longer than dag_processor.dag_file_processor_timeout "
            f"allows; it was stopped.{_where(child, 'It was here (innermost first):')}"
        )
    if ended.signal:
        name = signal.Signals(ended.signal).name
        why = {
            signal.SIGKILL: " (out of memory, or the file kills its own processes)",
            signal.SIGSEGV: " (a segmentation fault, usually in a C extension)",
            signal.SIGXCPU: " (too much processor time)",
        }.get(signal.Signals(ended.signal), "")
        return f"Importing this file ended with {name}{why}.{_where(child, 'It was here:')}"
    return (
        f"The file ended its own process with exit code {ended.exit_code} while it was imported; "
        f"remove the call of os._exit().{_where(child, 'Output:')}"
    )


def _where(child: Child, title: str) -> str:
    """Return the end of what was printed, with the stack's lines that are the author's."""
    lines = []
    for line in _text(child.printed).splitlines():
        match = _STACK_LINE.match(line)
        if match is None or not _is_machinery(match["file"]):
            lines.append(line)
    text = "\n".join(lines[-60:]).strip()
    return f"\n{title}\n{text}\n" if text else ""


def _is_machinery(file: str) -> bool:
    return (
        file.startswith("<frozen ")
        or "/tradewind/processor/" in file
        or ("/tradewind/sdk/loading" in file)
    )


def _text(printed: bytearray) -> str:
    return bytes(printed[-_OUTPUT_KEPT:]).decode(errors="replace")


def _masked(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
