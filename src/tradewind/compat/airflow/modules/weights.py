"""`airflow.task.priority_strategy`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class PriorityWeightStrategy(ABC):
    """Base of a class that computes the priority weight of a task."""

    @abstractmethod
    def get_weight(self, ti: Any) -> int:
        """Return the weight of a task instance."""

    def serialize(self) -> dict[str, Any]:
        """Return what is needed to make this again."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PriorityWeightStrategy:
        """Make a strategy of what `serialize` returned."""
        return cls(**data)
