"""Who watches a run: told of every change, and of every line of a task's log."""

from __future__ import annotations

from typing import Protocol

from tradewind.model.event import TaskChange
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run


class Observer(Protocol):
    """Watch runs.

    tick_s: seconds after which `tick` is called at the latest; None: it need not be called.
    """

    tick_s: float | None

    def changed(self, run: Run, change: TaskChange) -> None:
        """Note that a task instance has moved."""
        ...

    def run_changed(self, run: Run) -> None:
        """Note that the run has moved."""
        ...

    def line(self, run_id: str, task: TaskKey, text: str) -> None:
        """Note a line of a task's log. The task id is empty for callbacks of the DAG."""
        ...

    def tick(self) -> None:
        """Note that time passes."""
        ...


class _Silent:
    tick_s: float | None = None

    def changed(self, run: Run, change: TaskChange) -> None:
        del run, change

    def run_changed(self, run: Run) -> None:
        del run

    def line(self, run_id: str, task: TaskKey, text: str) -> None:
        del run_id, task, text

    def tick(self) -> None:
        pass


SILENT: Observer = _Silent()
