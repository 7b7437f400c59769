"""Send what triggers log to the logs of their tasks.

Each line goes to the log of the attempt that deferred, so that it is read where one looks for
it; what is logged outside any trigger, or by the trigger of a watcher, stays in the triggerer's
own log, with the warnings of all. A thread writes, so that a slow disk holds up no trigger. Files
are opened for each line: thousands of triggers wait here, and few of them say anything.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tradewind.sdk import masking
from tradewind.triggerer.running import RunningTrigger, current
from tradewind.wire.logs import instance_folder, line_of, open_to_append, segment_path

_FLUSH_S = 5.0
"""Lines that a disk does not take within this time are given up at the end."""


class TaskLogHandler(logging.Handler):
    """Write the records of triggers to their tasks' logs."""

    def __init__(self, log_folder: Path) -> None:
        super().__init__()
        self._log_folder = log_folder
        self._lines: queue.SimpleQueue[tuple[Path, bytes] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="task-logs", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if it comes from a trigger."""
        trigger = current.get()
        if trigger is None or not _has_task(trigger):
            return
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  arguments that do not fit are the author's
            text = str(record.msg)
        more = {}
        if record.exc_info and record.exc_info[0] is not None:
            more["exc"] = masking.redact("".join(traceback.format_exception(*record.exc_info)))
        at = datetime.fromtimestamp(record.created, UTC)
        level = record.levelname.lower()
        line = line_of(at, level, record.name, masking.redact(text), **more)
        self._lines.put((self._path_of(trigger), line))

    def close(self) -> None:
        """Write what is left."""
        self._lines.put(None)
        self._writer.join(_FLUSH_S)
        super().close()

    def _path_of(self, trigger: RunningTrigger) -> Path:
        at = trigger.assignment
        folder = instance_folder(
            self._log_folder, at.run.dag_id, at.run.run_id, at.task_id, at.map_index
        )
        return segment_path(folder, at.try_number, at.fence)

    def _write(self) -> None:
        while (item := self._lines.get()) is not None:
            path, line = item
            with contextlib.suppress(OSError):  # a full disk must not stop the trigger
                descriptor = open_to_append(self._log_folder, path)
                try:
                    os.write(descriptor, line)
                finally:
                    os.close(descriptor)


def of_the_triggerer(record: logging.LogRecord) -> bool:
    """Tell whether a record belongs into the triggerer's own log."""
    trigger = current.get()
    return trigger is None or not _has_task(trigger) or record.levelno >= logging.WARNING


def _has_task(trigger: RunningTrigger) -> bool:
    return trigger.assignment.kind != "watcher"
