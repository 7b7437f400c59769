"""What the runner knows of its runs: which there are, what is ready in them, what is active."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection

from tradewind.errors import UserError
from tradewind.model.event import Step
from tradewind.model.ids import TaskKey
from tradewind.model.state import TERMINAL_RUN_STATES, TaskState
from tradewind.testing.entry import Entry
from tradewind.testing.store import MemoryStore
from tradewind.wire.messages import Assignment

_NAMED = 10
"""Tasks that the error about a run that cannot go on lists."""


class Board:
    """The runs.

    Args:
        store: has them as the engine knows them.
        parallelism: most tasks of a run that run at once.
    """

    def __init__(self, store: MemoryStore, parallelism: int) -> None:
        self._store = store
        self._parallelism = parallelism
        self.entries: dict[int, Entry] = {}
        self._ready: list[tuple[int, int, int, TaskKey]] = []
        self._count = 0
        self._of_task: Counter[tuple[int, str]] = Counter()
        self._of_run: Counter[int] = Counter()

    def entry_of(self, assignment: Assignment) -> Entry:
        """Return the run of an assignment."""
        live = self._store.find(assignment.run.dag_id, assignment.run.run_id)
        assert live is not None
        return self.entries[live.run.run_pk]

    def note(self, entry: Entry, decided: Step) -> None:
        """Remember what became ready, the weightiest first."""
        graph = entry.live.graph
        for change in decided.changes:
            if change.after.state is TaskState.SCHEDULED:
                weight = graph.weights[graph.index[change.after.task_id]]
                self._count += 1
                item = (-weight, self._count, entry.live.run.run_pk, change.after.in_run)
                heapq.heappush(self._ready, item)

    def take_ready(self, run_pks: Collection[int]) -> tuple[Entry, TaskKey] | None:
        """Return what may start now, of these runs (none named: of any), and count it as active."""
        put_off = []
        found = None
        while self._ready and found is None:
            item = heapq.heappop(self._ready)
            _, _, run_pk, key = item
            entry = self.entries[run_pk]
            if entry.live.get(key).state is not TaskState.SCHEDULED:
                continue
            if (not run_pks or run_pk in run_pks) and self._has_room(entry, key):
                found = entry, key
            else:
                put_off.append(item)
        for item in put_off:
            heapq.heappush(self._ready, item)
        if found is not None:
            self._add(found[0], found[1], 1)
        return found

    def ended(self, entry: Entry, key: TaskKey) -> None:
        """Count a task as active no more."""
        self._add(entry, key, -1)

    def _add(self, entry: Entry, key: TaskKey, by: int) -> None:
        run_pk = entry.live.run.run_pk
        self._of_task[run_pk, key.task_id] += by
        self._of_run[run_pk] += by

    def _has_room(self, entry: Entry, key: TaskKey) -> bool:
        run_pk = entry.live.run.run_pk
        same = entry.live.task(key.task_id).max_active_tis_per_dagrun
        if same is not None and self._of_task[run_pk, key.task_id] >= same:
            return False
        most = min(self._parallelism, entry.live.graph.spec.max_active_tasks)
        return self._of_run[run_pk] < most

    def is_over(self, run_pks: Collection[int]) -> bool:
        """Tell whether these runs (none named: all) have ended."""
        chosen = [self.entries[pk] for pk in run_pks] or list(self.entries.values())
        return all(entry.live.run.state in TERMINAL_RUN_STATES for entry in chosen)

    def stuck(self) -> UserError:
        """Return the error about runs in which nothing will happen any more."""
        asking = [
            f"{ti.in_run}"
            for entry in self.entries.values()
            for ti in entry.live.instances()
            if ti.state is TaskState.AWAITING_INPUT
        ]
        if asking:
            return UserError(
                f"the run cannot go on: {', '.join(asking[:_NAMED])} waits for a person, and here "
                f"is none; answer with dag.test(answers={{{asking[0]!r}: 'the option'}})"
            )
        waiting = [
            f"{ti.in_run} ({ti.state})"
            for entry in self.entries.values()
            for ti in entry.live.instances()
            if ti.state in {TaskState.NONE, TaskState.SCHEDULED}
        ]
        return UserError(
            f"the run cannot go on: {', '.join(waiting[:_NAMED])} wait for what will not come, "
            "like a success in the run before (depends_on_past)"
        )
