"""What runs in this process now.

A stack, because `dag.test()` runs tasks inside a process that may be running one already. It
is kept per process and not per thread, so that threads which user code starts see it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tradewind.sdk.waiting import SystemWaiter, Waiter

if TYPE_CHECKING:
    from tradewind.sdk.context import Context

_contexts: list[Context] = []
_waiters: list[Waiter] = [SystemWaiter()]


class running:  # noqa: N801  used as a statement
    """Make a context the current one inside the block."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        _contexts.append(self._context)
        return self._context

    def __exit__(self, *_exc: object) -> None:
        _contexts.pop()


@contextmanager
def waiting_with(waiter: Waiter) -> Iterator[None]:
    """Let sensors tell the time and wait with this inside the block."""
    _waiters.append(waiter)
    try:
        yield
    finally:
        _waiters.pop()


def get_current_context() -> Context:
    """Return the context of the task that runs.

    Raises:
        RuntimeError: no task runs in this process.
    """
    context = peek()
    if context is None:
        raise RuntimeError("get_current_context() works only while a task runs")
    return context


def peek() -> Context | None:
    """Return the context of the task that runs, or None."""
    return _contexts[-1] if _contexts else None


def waiter() -> Waiter:
    """Return what tells the time and waits here."""
    return _waiters[-1]
