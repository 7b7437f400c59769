"""Triggers that wait for a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import current
from tradewind.sdk.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

_LONGEST_PAUSE_S = 60.0
"""The clock may be set while a trigger sleeps, so it looks at it this often."""


class DateTimeTrigger(BaseTrigger):
    """Fire at a time.

    Args:
        moment: the time, with a zone.
        end_from_trigger: end the task as succeeded, without going on in one of its methods.

    Raises:
        DagError: the time has no zone.
    """

    def __init__(self, moment: Any, *, end_from_trigger: bool = False) -> None:
        super().__init__()
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise DagError(f"DateTimeTrigger needs a datetime with a time zone, not {moment!r}")
        self.moment: datetime = moment
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return (
            "tradewind.sdk.triggers.temporal.DateTimeTrigger",
            {"moment": self.moment, "end_from_trigger": self.end_from_trigger},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until the time has come; the event's payload is the time."""
        waiter = current.waiter()
        while (left := (self.moment - waiter.now()).total_seconds()) > 0:
            await waiter.pause(min(left, _LONGEST_PAUSE_S))
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fire after a span of time, counted from when this is made.

    Args:
        delta: the span.
        end_from_trigger: end the task as succeeded, without going on in one of its methods.
    """

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        moment = current.waiter().now() + delta
        super().__init__(moment, end_from_trigger=end_from_trigger)
