"""A trigger while it runs here, and which one the code that is executing belongs to."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Assignment


class RunningTrigger(msgspec.Struct, eq=False):
    """A trigger that this process has claimed, or is about to.

    nonce: of its claim. claimed: the scheduler accepted the claim. task: where it runs.
    killed: its task was cleared or marked, so that what runs outside is to be stopped as well.
    """

    assignment: Assignment
    claim_token: str
    nonce: str
    claimed: bool = False
    killed: bool = False
    task: asyncio.Task[None] | None = None
    yielded: int = 0
    """Events of a watcher so far."""
    kept: asyncio.Future[None] | None = None
    """Done when the scheduler has the event that the watcher yielded last."""

    @property
    def attempt_id(self) -> AttemptId:
        """Return the id of the trigger's attempt."""
        return self.assignment.attempt_id

    @property
    def classpath(self) -> str:
        """Return where the trigger's class lives."""
        call = self.assignment.trigger
        return call.classpath if call is not None else ""

    def __str__(self) -> str:
        """Return a name for people."""
        at = self.assignment
        if at.kind == "watcher":
            return f"{self.classpath} of a watcher of {at.run.dag_id}"
        index = f"[{at.map_index}]" if at.map_index >= 0 else ""
        return f"{self.classpath} of {at.run.dag_id}.{at.task_id}{index} ({at.run.run_id})"


current: ContextVar[RunningTrigger | None] = ContextVar("current_trigger", default=None)
"""Set in the asyncio task of each trigger; tasks and threads that it starts inherit it."""
