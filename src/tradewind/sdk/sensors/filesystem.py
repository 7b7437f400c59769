"""FileSensor: wait for a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.files import found_file
from tradewind.sdk.hooks.filesystem import FSHook
from tradewind.sdk.sensors.base import BaseSensorOperator
from tradewind.sdk.triggers.file import FileTrigger


class FileSensor(BaseSensorOperator):
    """Wait until a file is there; a folder counts when it has a file in it.

    Args:
        filepath: a path under the connection's folder, maybe with wildcards; templated.
        fs_conn_id: the connection that names the folder.
        recursive: whether `**` means any depth.
        deferrable: wait in the triggerer instead of a process.
    """

    template_fields: Sequence[str] = ("filepath",)
    ui_color = "#91818a"

    def __init__(
        self,
        *,
        filepath: str,
        fs_conn_id: str = FSHook.default_conn_name,
        recursive: bool = False,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in ("start_from_trigger", "trigger_kwargs"):
            kwargs.pop(name, None)  # Airflow's ways to save a process; the outcome is the same
        super().__init__(**kwargs)
        self.filepath = filepath
        self.fs_conn_id = fs_conn_id
        self.recursive = recursive
        self.deferrable = deferrable

    @property
    def path(self) -> str:
        """Return the whole path."""
        return os.path.join(FSHook(self.fs_conn_id).get_path(), self.filepath)  # noqa: PTH118  wildcards

    def poke(self, context: Any) -> bool:
        """Look once."""
        del context
        found = found_file(self.path, recursive=self.recursive)
        self.log.info("found %s", found) if found else self.log.info("waits for %s", self.path)
        return found is not None

    def execute(self, context: Any) -> Any:
        """Wait."""
        if self.deferrable and not self.poke(context):
            self.defer(
                trigger=FileTrigger(
                    filepath=self.path,
                    recursive=self.recursive,
                    poke_interval=self.poke_interval,
                ),
                method_name="execute_complete",
                timeout=self.timeout,
            )
        return super().execute(context)

    def execute_complete(self, context: Any, event: Any = None) -> None:
        """Go on when the file is there.

        Raises:
            AirflowException: the trigger gave up.
        """
        del context
        if not event:
            raise AirflowException(f"the trigger ended without finding {self.filepath}")
        self.log.info("%s is there", self.filepath)
