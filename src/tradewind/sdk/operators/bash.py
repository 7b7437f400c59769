"""BashOperator: run a command, its output line by line in the task's log."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any, ClassVar

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.operator import BaseOperator

log = logging.getLogger("tradewind.task.bash")


class BashOperator(BaseOperator):
    """Run a bash command; the last line of its output is the task's output.

    Args:
        bash_command: a command, or a file that ends in .sh or .bash; templated.
        env: the environment instead of the process's own; templated.
        append_env: add `env` to the process's environment instead of replacing it.
        output_encoding: of the command's output.
        skip_on_exit_code: exit codes that mean skipped.
        cwd: the working directory.
        output_processor: applied to the last line.
    """

    template_fields: ClassVar[tuple[str, ...]] = ("bash_command", "env", "cwd")
    template_ext: ClassVar[tuple[str, ...]] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: Any,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | list[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda line: line,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command, self.env, self.append_env = bash_command, env, append_env
        self.output_encoding, self.cwd = output_encoding, cwd
        self.output_processor = output_processor
        codes = skip_on_exit_code
        self.skip_on_exit_code = (
            [] if codes is None else codes if isinstance(codes, list) else [codes]
        )
        self._process: subprocess.Popen[bytes] | None = None

    def execute(self, context: Any) -> Any:
        """Run the command.

        Raises:
            AirflowSkipException: it ended with a code that means skipped.
            AirflowException: it ended with another code than 0.
        """
        del context
        env = None
        if self.env is not None:
            env = {**os.environ, **self.env} if self.append_env else dict(self.env)
        # A process group of its own, in the attempt's session: it can be stopped as a whole
        # and dies with the attempt.
        with subprocess.Popen(
            ["bash", "-c", self.bash_command],  # noqa: S607  the user's bash
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=self.cwd,
            process_group=0,
        ) as process:
            self._process = process
            last = ""
            assert process.stdout is not None
            for raw in process.stdout:
                last = raw.decode(self.output_encoding, "backslashreplace").rstrip()
                log.info("%s", last)
            code = process.wait()
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"the command ended with exit code {code}: skipped")
        if code != 0:
            raise AirflowException(f"the command ended with exit code {code}")
        return self.output_processor(last)

    def on_kill(self) -> None:
        """Stop the command and what it started."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
