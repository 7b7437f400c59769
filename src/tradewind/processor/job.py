"""One import that runs, as the processor sees it: what it sent, what it printed, how it ended.

What comes from a child is the author's doing, so none of it is trusted: messages are bounded
and decoded into known types, what is printed is kept only at its end, and whatever is shown
of it is masked first.
"""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator

import msgspec

from tradewind.processor.protocol import (
    LENGTH,
    MAX_RESULT,
    Answer,
    Ask,
    Ended,
    FromChild,
    Mask,
    Parsed,
    framed,
    from_child,
)
from tradewind.processor.report import shorten

_READ_SIZE = 1 << 18
_OUTPUT_KEPT = 16 * 1024
_OUTPUT_LINES = 60
_ANSWER_S = 5.0
_SHORTEST_SECRET = 4
_STACK_LINE = re.compile(r'^  File "(?P<file>.*)", line \d+ in .*$')
_SIGNALS = {
    signal.SIGKILL: "out of memory, or the file kills its own processes",
    signal.SIGSEGV: "a segmentation fault, usually in a C extension",
    signal.SIGXCPU: "too much processor time",
}


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """An import that ended.

    fault: why there is no result, for people. lost: it ended together with the fork server,
    maybe through no fault of its own. reads: what it asked for, and a digest of the answer.
    """

    job_id: int
    dag_file: str
    result: Parsed | None
    fault: str | None = None
    lost: bool = False
    output: str = ""
    reads: dict[str, str] = {}


class Job:
    """A running import.

    deadline: monotonic seconds. timed_out: it has been told to show where it is and to end.
    """

    def __init__(self, job_id: int, dag_file: str, deadline: float) -> None:
        self.job_id = job_id
        self.dag_file = dag_file
        self.deadline = deadline
        self.timed_out = False
        self.asks = 0
        self.reads: dict[str, str] = {}
        self.secrets: set[str] = set()
        self.sock, self._child_sock = socket.socketpair()
        self.output, self._child_output = os.pipe()
        self.sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        os.set_blocking(self.output, False)
        self._buffer = bytearray()
        self._printed = bytearray()
        self._result: Parsed | None = None
        self._fault: str | None = None

    @property
    def child_ends(self) -> list[int]:
        """Return the descriptors that the child gets."""
        return [self._child_sock.fileno(), self._child_output]

    def close_child_ends(self) -> None:
        """Close our copies of the child's descriptors."""
        self._child_sock.close()
        os.close(self._child_output)

    @property
    def is_decided(self) -> bool:
        """Tell whether there is a result or a fault, so that nothing more is listened to."""
        return self._result is not None or self._fault is not None

    def receive(self) -> Iterator[Ask]:
        """Yield what the child asks, and remember its result.

        Raises:
            BlockingIOError: there is nothing now.
            EOFError: the child cannot send any more.
            ValueError: what it sent is no message.
        """
        try:
            data = self.sock.recv(_READ_SIZE)
        except BlockingIOError:
            raise
        except OSError:
            data = b""
        if not data:
            raise EOFError
        self._buffer += data
        while not self.is_decided and (message := self._next_message()) is not None:
            if isinstance(message, Parsed):
                self._result = message
            elif isinstance(message, Mask):
                self.secrets.add(message.secret)
            else:
                yield message

    def answer(self, answer: Answer) -> bool:
        """Send an answer; False when the child does not take it."""
        self.sock.settimeout(_ANSWER_S)  # the child waits for it, so this is quick
        try:
            self.sock.sendall(framed(answer))
        except OSError:
            return False
        finally:
            self.sock.setblocking(False)  # noqa: FBT003
        return True

    def read_output(self) -> None:
        """Keep the end of what was printed.

        Raises:
            BlockingIOError: there is nothing now.
            EOFError: there will be nothing more.
        """
        data = os.read(self.output, _READ_SIZE)
        if not data:
            raise EOFError
        self._printed += data
        if len(self._printed) > 2 * _OUTPUT_KEPT:
            del self._printed[:-_OUTPUT_KEPT]

    def blame(self, fault: str) -> None:
        """Decide that the import failed."""
        self._result, self._fault = None, fault
        self._buffer.clear()

    def ended(self, ended: Ended) -> None:
        """Take how the child ended."""
        if not self.is_decided:
            self._fault = self._ending(ended)

    def finish(self, *, lost: bool) -> Finished:
        """Close everything and say what came of it."""
        self.sock.close()
        os.close(self.output)
        result = self._result
        if result is not None:
            result = msgspec.structs.replace(
                result,
                error=self._masked(result.error) if result.error else None,
                warnings=tuple(self._masked(warning) for warning in result.warnings),
            )
        return Finished(
            job_id=self.job_id,
            dag_file=self.dag_file,
            result=result,
            fault=self._masked(shorten(self._fault)) if self._fault else None,
            lost=lost and result is None,
            output=self._masked(self._text()),
            reads=self.reads,
        )

    def _next_message(self) -> FromChild | None:
        if len(self._buffer) < LENGTH.size:
            return None
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > MAX_RESULT:
            raise ValueError(f"{length} bytes, of at most {MAX_RESULT}")
        end = LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = from_child.decode(bytes(memoryview(self._buffer)[LENGTH.size : end]))
        del self._buffer[:end]
        return message

    def _ending(self, ended: Ended) -> str:
        """Say how a child ended that sent no result."""
        if self.timed_out:
            return (
                "Importing this file takes longer than dag_processor.dag_file_processor_timeout "
                f"allows; it was stopped.{self._where('It was here (innermost first):')}"
            )
        if ended.signal:
            signum = signal.Signals(ended.signal)
            why = f" ({_SIGNALS[signum]})" if signum in _SIGNALS else ""
            where = self._where("It was here (innermost first):")
            return f"Importing this file ended with {signum.name}{why}.{where}"
        return (
            f"The file ended its own process with exit code {ended.exit_code} while it was "
            f"imported; remove the call of os._exit().{self._where('Output:')}"
        )

    def _where(self, title: str) -> str:
        """Return the end of what was printed; of a stack the lines that are the author's."""
        lines = []
        for line in self._text().splitlines():
            match = _STACK_LINE.match(line)
            if match is None or not _is_machinery(match["file"]):
                lines.append(line)
        text = "\n".join(lines[-_OUTPUT_LINES:]).strip()
        return f"\n{title}\n{text}\n" if text else ""

    def _text(self) -> str:
        return bytes(self._printed[-_OUTPUT_KEPT:]).decode(errors="replace")

    def _masked(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen ") or any(
        part in file for part in ("/tradewind/processor/", "/tradewind/sdk/loading")
    )
