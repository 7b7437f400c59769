"""What a trigger is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any


class TriggerEvent:
    """What a trigger yields; the payload reaches the task's next method."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload


class BaseTrigger:
    """Something to wait for, run in the triggerer's loop."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make this trigger again."""
        raise NotImplementedError

    def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield an event."""
        raise NotImplementedError
