"""SubprocessHook: run a command, its output line by line in the log."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tradewind.sdk.hooks.base import BaseHook


class SubprocessResult(NamedTuple):
    """How a command ended, and the last line (or all lines) of its output."""

    exit_code: int
    output: str


class SubprocessHook(BaseHook):
    """Run a command in a process group of its own.

    The group stays in the session of the task, so that it ends with the task whatever happens,
    and can be stopped as a whole before.
    """

    def __init__(self, logger_name: str | None = "tradewind.task.hooks.subprocess") -> None:
        super().__init__(logger_name)
        self.sub_process: subprocess.Popen[bytes] | None = None

    def run_command(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
        *,
        return_full_output: bool = False,
    ) -> SubprocessResult:
        """Run a command and wait for its end.

        Args:
            command: the program and its arguments.
            env: its whole environment; None passes on this process's own.
            output_encoding: of its output; what does not fit is shown escaped.
            cwd: where it runs; None means a folder of its own, removed afterwards.
            return_full_output: return all lines and not the last one only.
        """
        with contextlib.ExitStack() as stack:
            folder = cwd or stack.enter_context(TemporaryDirectory(prefix="tradewind-"))
            self.log.info("runs %s", " ".join(command))
            process = subprocess.Popen(
                list(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=None if env is None else dict(env),
                process_group=0,
                restore_signals=True,
            )
            self.sub_process = process
            stack.callback(self._end)
            lines = self._lines(process, output_encoding, keep=return_full_output)
            code = process.wait()
        self.log.info("the command ended with exit code %d", code)
        return SubprocessResult(code, lines)

    def _lines(self, process: subprocess.Popen[bytes], encoding: str, *, keep: bool) -> str:
        kept: list[str] = []
        last = ""
        assert process.stdout is not None
        for raw in process.stdout:
            last = raw.decode(encoding, errors="backslashreplace").rstrip()
            self.log.info("%s", last)
            if keep:
                kept.append(last)
        return "\n".join(kept) if keep else last

    def _end(self) -> None:
        """Leave nothing behind when waiting was cut short."""
        process = self.sub_process
        if process is not None:
            if process.poll() is None:
                self._signal(signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def send_sigterm(self) -> None:
        """Ask the command, and what it started, to stop."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        process = self.sub_process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
