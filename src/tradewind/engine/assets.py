"""Which asset events make a DAG run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tradewind.model.schedule import AliasLeaf, AllOf, AnyOf, AssetCondition


class PendingEvent(Protocol):
    """An asset event that a DAG has not consumed."""

    @property
    def event_id(self) -> int:
        """Return its key."""
        ...

    @property
    def name(self) -> str:
        """Return the asset's name."""
        ...

    @property
    def uri(self) -> str:
        """Return the asset's URI."""
        ...

    @property
    def alias(self) -> str | None:
        """Return the alias that it came through."""
        ...


def consume(condition: AssetCondition, events: Sequence[PendingEvent]) -> list[int] | None:
    """Return the events that a run consumes now, or None while the condition does not hold.

    A run consumes every pending event of the assets in its condition, as in Airflow: ten
    events before the run starts make one run.
    """
    if not _holds(condition, events):
        return None
    return sorted({e.event_id for e in events if _concerns(condition, e)})


def _holds(condition: AssetCondition, events: Sequence[PendingEvent]) -> bool:
    if isinstance(condition, AllOf):
        return all(_holds(part, events) for part in condition.of)
    if isinstance(condition, AnyOf):
        return any(_holds(part, events) for part in condition.of)
    return any(_concerns(condition, event) for event in events)


def _concerns(condition: AssetCondition, event: PendingEvent) -> bool:
    if isinstance(condition, AllOf | AnyOf):
        return any(_concerns(part, event) for part in condition.of)
    if isinstance(condition, AliasLeaf):
        return event.alias == condition.name
    if condition.name and event.name != condition.name:
        return False
    return not condition.uri or event.uri == condition.uri
