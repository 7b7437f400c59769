"""Names of things.

* `dag_id`, `run_id`, `task_id` are the author's and the user's names (as in Airflow).
* `run_pk` is the integer key of a run in the metadata DB; it never leaves the servers.
* `TaskKey` names a task instance inside its run, `TiKey` among all runs.
* An attempt id is a UUID (hex, 32 characters); every passage into `queued` gets a new one.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

AttemptId = NewType("AttemptId", str)

UNMAPPED = -1
"""The map index of a task instance that is not mapped (Airflow's convention)."""


class TaskKey(NamedTuple):
    """A task instance inside one run."""

    task_id: str
    map_index: int = UNMAPPED

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class TiKey(NamedTuple):
    """A task instance among all runs."""

    run_pk: int
    task_id: str
    map_index: int = UNMAPPED

    @property
    def in_run(self) -> TaskKey:
        """Return the key inside the run."""
        return TaskKey(self.task_id, self.map_index)
