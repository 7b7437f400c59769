"""BashOperator: run a bash command or script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.hooks.subprocess import SubprocessHook
from tradewind.sdk.operator import BaseOperator


class BashOperator(BaseOperator):
    """Run a bash command; the last line of its output is pushed as the task's XCom.

    Every line goes into the task's log as it comes. The command runs in a folder of its own.

    Args:
        bash_command: the command, or the name of a file that ends in .sh or .bash, whose content
            is rendered first; templated.
        env: its environment instead of this process's; templated.
        append_env: add `env` to this process's environment instead of replacing it.
        output_encoding: of the output.
        skip_on_exit_code: ends the task as skipped instead of failed (one code, several, or
            None for none).
        cwd: the folder it runs in; templated.
        output_processor: makes the result of the last line, such as `json.loads`.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_fields_renderers: Mapping[str, str] = {"bash_command": "bash", "env": "json"}
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = lambda line: line,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code: Container[int] = (
            ()
            if skip_on_exit_code is None
            else (skip_on_exit_code,)
            if isinstance(skip_on_exit_code, int)
            else skip_on_exit_code
        )
        self.cwd = cwd
        self.output_processor = output_processor
        self._hook: SubprocessHook | None = None

    @property
    def subprocess_hook(self) -> SubprocessHook:
        """Return the hook that runs the command."""
        if self._hook is None:
            self._hook = SubprocessHook()
        return self._hook

    def get_env(self, context: Any) -> dict[str, str]:
        """Return the command's environment."""
        del context  # what a sub-process may know of it stands in AIRFLOW_CTX_* already
        context_variables = {k: v for k, v in os.environ.items() if k.startswith("AIRFLOW_CTX_")}
        if self.env is None:
            return dict(os.environ)
        if self.append_env:
            return {**os.environ, **self.env}
        return {**context_variables, **self.env}

    def execute(self, context: Any) -> Any:
        """Run the command.

        Raises:
            AirflowSkipException: it ended with a code that means skipped.
            AirflowException: it ended with another code than 0, or `cwd` is no folder.
        """
        self._check_folder()
        bash = shutil.which("bash") or "bash"
        result = self.subprocess_hook.run_command(
            [bash, "-c", self.bash_command],
            env=self.get_env(context),
            output_encoding=self.output_encoding,
            cwd=self.cwd,
        )
        code = result.exit_code
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"the bash command ended with exit code {code}: skipped")
        if code != 0:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise AirflowException(f"the bash command {how}")
        return self.output_processor(result.output)

    def _check_folder(self) -> None:
        if self.cwd is None:
            return
        if not os.path.exists(self.cwd):  # noqa: PTH110  a string
            raise AirflowException(f"cwd {self.cwd} does not exist")
        if not os.path.isdir(self.cwd):  # noqa: PTH112
            raise AirflowException(f"cwd {self.cwd} is no folder")

    def on_kill(self) -> None:
        """Ask the command, and what it started, to stop."""
        self.subprocess_hook.send_sigterm()
