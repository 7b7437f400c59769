"""SequentialExecutor: one task at a time, in a process of its own.

The same mechanism as LocalExecutor; its capacity is what differs (see `capacity`), and that is
an input of admission, not of the executor.
"""

from __future__ import annotations

from tradewind.executors.local import LocalExecutor


class SequentialExecutor(LocalExecutor):
    """Run one task at a time through this host's supervisor."""
