"""SequentialExecutor: one task at a time, in a process of its own.

The same mechanism as LocalExecutor; its capacity (`CAPACITY`) is what differs, and capacity
is an input of admission, not of the executor.
"""

from __future__ import annotations

from tradewind.executors.local import LocalExecutor

CAPACITY = 1


class SequentialExecutor(LocalExecutor):
    """Run one task at a time through this host's supervisor."""
