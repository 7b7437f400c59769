"""Where user code is entered: load a DAG file, run a task, run a callback.

The zygote imports this module by name; tests name another one with the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

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


class Rehearsal(msgspec.Struct, frozen=True):
    """A task to be run before any other, so that nothing is done for the first time later.

    assignment: names a task of the DAG that does nothing. answers: what its calls are answered.
    """

    dag: Any
    assignment: Assignment
    answers: tuple[dict[str, Any], ...] = ()


class Userland(Protocol):
    """The module's functions."""

    def warm_up(self) -> Sequence[Rehearsal]:
        """Do once, before anything is forked, what every attempt would else do first.

        Returns tasks to be run as every attempt is.
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
