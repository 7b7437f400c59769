"""How a runner has attempts executed: the seam, and the way that needs no other process.

`InlineAttempts` runs each task in this process, one after the other, so that a debugger and
`pytest` see it. `forked.ForkedAttempts` gives each its own process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from tradewind.errors import Unavailable
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Outcome, Vanished
from tradewind.sdk import masking
from tradewind.sdk.execution import execute, run_callback
from tradewind.wire.messages import AssetEventOut, Assignment, Call, XComValue

log = logging.getLogger("tradewind.task")

Answer = Callable[[Assignment, Call], dict[str, Any]]
"""Answers a call of the user code of this assignment."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt or callback that came to its end. outcome: None for a callback."""

    assignment: Assignment
    outcome: Outcome | None = None
    xcoms: tuple[XComValue, ...] = ()
    mapped_length: int | None = None
    returned: bool = False
    asset_events: tuple[AssetEventOut, ...] = ()
    rendered_fields: bytes | None = None
    rendered_map_index: str | None = None


class Attempts(Protocol):
    """Run attempts and callbacks.

    at_once: tasks are over when `start` returns, and nothing else happens meanwhile.
    """

    at_once: bool

    def start(self, dag: Any, assignment: Assignment) -> None:
        """Run a task's attempt or a callback."""
        ...

    def take(self) -> list[Ended]:
        """Return what has ended since the last call."""
        ...

    def running(self) -> int:
        """Return how many run now."""
        ...

    def cancel(self, attempt_id: AttemptId, reason: str) -> None:
        """Stop an attempt."""
        ...

    def close(self) -> None:
        """Stop everything."""
        ...


class HereRuntime:
    """The runtime of user code in this process: that of a task, or that of triggers.

    Which trigger calls is known by its asyncio context; everything else is the task's.
    """

    trigger: ContextVar[Assignment | None] = ContextVar("trigger", default=None)

    def __init__(self, answer: Answer, task: Assignment | None = None) -> None:
        self._answer = answer
        self.task = task

    def call(self, call: Call) -> dict[str, Any]:
        """Answer a call; see `tradewind.sdk.runtime.Runtime`."""
        caller = self.trigger.get() or self.task
        if caller is None:
            raise Unavailable(f"{type(call).__name__}: it works while a task or a trigger runs")
        return self._answer(caller, call)

    def mask(self, secret: str) -> None:
        """Do nothing: `masking` itself remembers it in this process."""


class InlineAttempts:
    """Run tasks in this process.

    Args:
        runtime: of this process.
    """

    at_once = True

    def __init__(self, runtime: HereRuntime) -> None:
        self._runtime = runtime
        self._ended: list[Ended] = []

    def start(self, dag: Any, assignment: Assignment) -> None:
        """Run a task or a callback to its end."""
        before, self._runtime.task = self._runtime.task, assignment
        try:
            if assignment.kind == "callback":
                ended = _called_back(dag, assignment)
            else:
                ended = of_execution(dag, assignment)
        finally:
            self._runtime.task = before
        self._ended.append(ended)

    def take(self) -> list[Ended]:
        """Return what has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def running(self) -> int:
        """Return 0: what was started has ended."""
        return 0

    def cancel(self, attempt_id: AttemptId, reason: str) -> None:
        """Do nothing: what was started has ended."""

    def close(self) -> None:
        """Do nothing."""


def of_execution(dag: Any, assignment: Assignment) -> Ended:
    """Run a task and return what it came to."""
    execution = execute(dag, assignment)
    fields = {name: getattr(execution, name) for name in execution.__struct_fields__}
    return Ended(assignment=assignment, **fields)


def _called_back(dag: Any, assignment: Assignment) -> Ended:
    try:
        run_callback(dag, assignment)
    except Exception as error:  # noqa: BLE001  user code may raise anything; it is in the log
        log.warning("the callback failed: %s", masking.redact(str(error)))
    return Ended(assignment=assignment)


def vanished(assignment: Assignment, reason: str) -> Ended:
    """Return the end of an attempt that ended without saying how."""
    if assignment.kind == "callback":
        return Ended(assignment=assignment)
    return Ended(assignment=assignment, outcome=Vanished(reason=reason))
