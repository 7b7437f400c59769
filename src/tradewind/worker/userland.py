"""Where user code is entered: load a DAG file, run a task, run a callback.

The zygote imports this module by name; tests name another one with the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tradewind.model.outcome import Outcome
from tradewind.wire.messages import AssetEventOut, Assignment, XComValue


class Execution(Protocol):
    """What an attempt came to; `tradewind.sdk.execution.Execution`."""

    outcome: Outcome
    xcoms: tuple[XComValue, ...]
    mapped_length: int | None
    returned: bool
    asset_events: tuple[AssetEventOut, ...]
    rendered_fields: bytes | None
    rendered_map_index: str | None


class Userland(Protocol):
    """The module's functions."""

    def warm_up(self) -> tuple[Any, Assignment] | None:
        """Do once, before anything is forked, what every attempt would else do first.

        Returns a DAG and the assignment of a task in it that does nothing, to be run as every
        attempt is; None: there is none.
        """
        ...

    def load(self, path: str, folder: str) -> Mapping[str, Any]:
        """Import a DAG file and return its DAGs by id."""
        ...

    def execute(self, dag: Any, assignment: Assignment) -> Execution:
        """Run a task; whatever user code does becomes a value."""
        ...

    def run_callback(self, dag: Any, assignment: Assignment) -> None:
        """Run a callback; what it raises is raised."""
        ...
