"""Take notice of children that end, and kill those that nobody knows.

For single-threaded processes that are subreapers: the supervisor, the zygote, file hosts.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Set as AbstractSet

from tradewind import kernel

_ROUND_S = 0.05
"""How long to wait for killed processes to die before looking again."""

_ROUNDS = 100
"""A process that hangs in the kernel for five seconds is left alone."""


def wake_on_child_exit() -> int:
    """Return a descriptor that becomes readable when a child ends (or any signal comes)."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    return read_end


def drain(fd: int) -> None:
    """Empty a wake-up pipe."""
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, 1 << 12):
            pass


def kill_strangers(known: AbstractSet[int]) -> bool:
    """Kill children that are not known: adopted ones. Tell whether there were any."""
    strangers = kernel.children() - known
    for pid in strangers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(strangers)


def kill_tree(known: AbstractSet[int] = frozenset()) -> None:
    """Kill every descendant but the known: as parents die, their children become ours."""
    with selectors.DefaultSelector() as pause:
        for _ in range(_ROUNDS):
            if not kill_strangers(known):
                return
            pause.select(_ROUND_S)
            kernel.reap()


def _nothing(_signum: int, _frame: object) -> None:
    """Exist, so that the wake-up descriptor is written."""
