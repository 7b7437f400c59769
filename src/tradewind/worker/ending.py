"""How a process ended, in words."""

from __future__ import annotations

import os
import signal

from tradewind import kernel


class MemoryWatch:
    """Tell whether the kernel killed something here for want of memory."""

    def __init__(self) -> None:
        self._seen = kernel.out_of_memory_kills()

    def killed(self) -> bool:
        """Tell whether there was a kill since the last call."""
        seen = kernel.out_of_memory_kills()
        more, self._seen = seen > self._seen, seen
        return more


def reason(status: int, memory: MemoryWatch) -> str:
    """Return how a process ended without a report.

    Args:
        status: as of waitpid.
        memory: asked when the process was killed.
    """
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return "exit code 0, before the task's code returned"
    if code > 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    if -code != signal.SIGKILL:
        return f"killed by {name}"
    return (
        f"killed by {name}: out of memory"
        if memory.killed()
        else f"killed by {name} (out of memory?)"
    )


def exit_code(status: int | None) -> int | None:
    """Return the exit code; None when a signal ended the process, or nobody knows."""
    code = -1 if status is None else os.waitstatus_to_exitcode(status)
    return code if code >= 0 else None


def exit_signal(status: int | None) -> int | None:
    """Return the signal that ended the process; None when it exited, or nobody knows."""
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    return -code if code < 0 else None
