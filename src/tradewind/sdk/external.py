"""How another DAG's runs and tasks stand: asked by the external task sensor and its trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewind.wire.messages import GetRunStates, GetTaskStates


@dataclass(frozen=True, kw_only=True)
class External:
    """What is waited for: a DAG's runs at these dates, or tasks or a group in them.

    allowed, skipped, failed: the states that mean that the wait succeeds, is skipped, fails.
    """

    dag_id: str
    logical_dates: tuple[datetime, ...] = ()
    run_ids: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    group_id: str | None = None
    allowed: frozenset[str] = frozenset({"success"})
    skipped: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()

    def call(self) -> GetTaskStates | GetRunStates:
        """Return the question to ask."""
        if self.task_ids or self.group_id:
            return GetTaskStates(
                dag_id=self.dag_id,
                run_ids=self.run_ids,
                logical_dates=self.logical_dates,
                task_ids=self.task_ids,
                group_id=self.group_id,
            )
        return GetRunStates(
            dag_id=self.dag_id, run_ids=self.run_ids, logical_dates=self.logical_dates
        )

    def judge(self, reply: dict[str, Any]) -> str | None:
        """Return "success", "failed" or "skipped"; None: not yet.

        One failed or skipped state decides; success needs every task in every run.
        """
        per_run = [_states(found) for found in reply["runs"].values()]
        states = [state for found in per_run for state in found.values()]
        if any(state in self.failed for state in states):
            return "failed"
        if any(state in self.skipped for state in states):
            return "skipped"
        wanted = len(self.logical_dates) or len(self.run_ids) or 1
        done = sum(self._complete(found) for found in per_run)
        return "success" if done >= wanted else None

    def _complete(self, states: dict[str, str]) -> bool:
        names = {name.partition("[")[0] for name in states}
        if not states or any(task_id not in names for task_id in self.task_ids):
            return False
        return all(state in self.allowed for state in states.values())


def _states(found: str | dict[str, str]) -> dict[str, str]:
    """Return the states of one run: its own, or those of its tasks by name."""
    return {"": found} if isinstance(found, str) else found


def as_tuple(value: str | Sequence[Any] | None) -> tuple[Any, ...]:
    """Return one or several values as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
