"""BashSensor: wait until a command succeeds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from tradewind.sdk.exceptions import AirflowFailException
from tradewind.sdk.hooks.subprocess import SubprocessHook
from tradewind.sdk.sensors.base import BaseSensorOperator


class BashSensor(BaseSensorOperator):
    """Run a bash command until it ends with exit code 0.

    Args:
        bash_command: the command, or the name of a file that ends in .sh or .bash; templated.
        env: its environment instead of this process's; templated.
        output_encoding: of its output.
        retry_exit_code: the code that means "not yet"; every other but 0 then fails the task.
            Left out, every code but 0 means "not yet".
    """

    template_fields: Sequence[str] = ("bash_command", "env")
    template_ext: Sequence[str] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str,
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.env = env
        self.output_encoding = output_encoding
        self.retry_exit_code = retry_exit_code
        self._hook: SubprocessHook | None = None

    def poke(self, context: Any) -> bool:
        """Run the command once.

        Raises:
            AirflowFailException: it ended with a code that means failed.
        """
        del context
        self._hook = SubprocessHook()
        result = self._hook.run_command(
            [shutil.which("bash") or "bash", "-c", self.bash_command],
            env=self.env,
            output_encoding=self.output_encoding,
        )
        code = result.exit_code
        if self.retry_exit_code is not None and code not in {0, self.retry_exit_code}:
            raise AirflowFailException(f"the bash command ended with exit code {code}")
        return code == 0

    def on_kill(self) -> None:
        """Ask the command, and what it started, to stop."""
        if self._hook is not None:
            self._hook.send_sigterm()
