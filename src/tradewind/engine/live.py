"""A run in memory: its task instances as nodes, with counters kept up to date.

Theory of operation
* A node is one task instance. For each node the counters hold how many of its upstream
  instances are in each terminal state, so that a rule is judged without looking at them.
* When a node reaches or leaves a terminal state, the counters of the nodes below it change:
  O(edges of that node), nothing else is visited.
* A mapped task starts as one placeholder (map index -1). When its lengths are known the
  placeholder is removed and one node per index takes its place.
* Nothing here decides; `step` does, through these operations.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tradewind.engine.graph import Graph
from tradewind.engine.rules import COLUMN, EARLY, FAILED, SKIPPED, UPSTREAM_FAILED
from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED, TaskKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.spec import MapConcat, MapLiteral, MapSource, MapXCom, MapZip, TaskSpec
from tradewind.model.state import FAILED_STATES, TERMINAL_STATES, TaskState

Path = tuple[int, ...]


class LiveRun:
    """An active run. Mutated by `step`; dropped and loaded again when a commit fails."""

    def __init__(self, graph: Graph, run: Run) -> None:
        self.graph = graph
        self.run = run
        self.ti: list[TaskInstance] = []
        self.task_of: list[int] = []
        self.counts: list[list[int]] = []
        self.total: list[int] = []
        self.node_of: dict[TaskKey, int] = {}
        self.nodes: list[list[int]] = [[] for _ in graph.tasks]
        self.unfinished = 0
        self._by_prefix: dict[tuple[int, int], dict[Path, list[int]]] = {}
        self._wakes: list[tuple[datetime, int]] = []

    @classmethod
    def load(cls, graph: Graph, run: Run, instances: Sequence[TaskInstance]) -> LiveRun:
        """Return the run with these rows; none for a run that has not started."""
        live = cls(graph, run)
        live.add(ti for ti in instances if ti.task_id in graph.index)
        return live

    # ---- reading ------------------------------------------------------------------------

    def get(self, key: TaskKey) -> TaskInstance:
        """Return a task instance.

        Raises:
            NotFound: the run has none with this key.
        """
        node = self.node_of.get(key)
        if node is None:
            raise NotFound(f"run {self.run.run_id!r} has no task instance {key}")
        return self.ti[node]

    def instances(self) -> list[TaskInstance]:
        """Return every task instance."""
        return list(self.ti)

    def task(self, task_id: str) -> TaskSpec:
        """Return a task's specification."""
        return self.graph.tasks[self.graph.index[task_id]]

    def past_needs(self) -> set[str]:
        """Return the tasks whose state in the previous run this run asks for."""
        return {self.graph.tasks[i].task_id for i in self.graph.asks_past}

    def map_levels(self, key: TaskKey) -> list[tuple[str | None, dict[str, int], int]]:
        """Return, outermost first: mapped group (None: the task), argument lengths, index."""
        node = self.node_of[key]
        path = self.ti[node].map_path
        found: list[tuple[str | None, dict[str, int], int]] = []
        for depth, (group_id, expand) in enumerate(self.graph.levels[self.task_of[node]]):
            if depth >= len(path):
                break
            lengths = {
                name: self.length(source, path[:depth]) or 0 for name, source in expand.sources
            }
            found.append((group_id, lengths, path[depth]))
        return found

    def upstream_indexes(self, key: TaskKey) -> dict[str, tuple[int, ...]]:
        """Return which instances of its upstreams in the same mapped group are this one's."""
        node = self.node_of[key]
        path = self.ti[node].map_path
        return {
            self.graph.tasks[u].task_id: tuple(
                self.ti[n].map_index for n in self.matching(u, shared, path)
            )
            for u, shared in self.graph.up[self.task_of[node]]
            if shared
        }

    def length(self, source: MapSource, path: Path) -> int | None:
        """Return the length of a mapped argument for one outer path; None: not known."""
        if isinstance(source, MapLiteral):
            return source.length
        if isinstance(source, MapZip | MapConcat):
            parts = [self.length(part, path) for part in source.parts]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts):
                return None
            if isinstance(source, MapConcat):
                return sum(known)
            return max(known) if source.longest else min(known)
        return self._xcom_length(source, path)

    def _xcom_length(self, source: MapXCom, path: Path) -> int | None:
        levels = self.graph.levels[source.task]
        prefix = path[: len(levels)]
        nodes = self.matching(source.task, len(prefix), prefix)
        if levels and len(levels) > len(prefix):
            # All instances together are one value: as long as those that returned something.
            return sum(self.ti[n].returned for n in nodes)
        return self.ti[nodes[0]].mapped_length if len(nodes) == 1 else None

    def matching(self, task: int, shared: int, path: Path) -> Sequence[int]:
        """Return the task's nodes that an instance with this path looks at."""
        nodes = self.nodes[task]
        if shared == 0 or len(nodes) <= 1 or len(path) < shared:
            return nodes
        index = self._by_prefix.get((task, shared))
        if index is None:
            index = {}
            for node in nodes:
                index.setdefault(self.ti[node].map_path[:shared], []).append(node)
            self._by_prefix[task, shared] = index
        return index.get(path[:shared], ())

    def below(self, node: int) -> Iterator[int]:
        """Yield the nodes directly below."""
        path = self.ti[node].map_path
        for task, shared in self.graph.down[self.task_of[node]]:
            yield from self.matching(task, shared, path)

    def may_move(self, node: int) -> bool:
        """Tell, cheaply, whether a change above can have decided this node's rule."""
        if self.ti[node].state is not TaskState.NONE:
            return False
        counts = self.counts[node]
        return (
            sum(counts) >= self.total[node]
            or counts[SKIPPED] + counts[FAILED] + counts[UPSTREAM_FAILED] > 0
            or self.graph.tasks[self.task_of[node]].trigger_rule in EARLY
        )

    def setup_counts(self, node: int) -> tuple[int, int, int]:
        """Return how many upstream setups there are, succeeded, were skipped."""
        path = self.ti[node].map_path
        states = [
            self.ti[n].state
            for u, shared in self.graph.up[self.task_of[node]]
            if self.graph.tasks[u].is_setup
            for n in self.matching(u, shared, path)
        ]
        return (
            len(states),
            states.count(TaskState.SUCCESS),
            states.count(TaskState.SKIPPED),
        )

    def scope_state(self, node: int) -> TaskState | None:
        """Return what a setup that is not a direct upstream imposes on this node."""
        imposed: TaskState | None = None
        for setup in self.graph.scope[self.task_of[node]]:
            for n in self.nodes[setup]:
                state = self.ti[n].state
                if state in FAILED_STATES:
                    return TaskState.UPSTREAM_FAILED
                if state is TaskState.SKIPPED:
                    imposed = TaskState.SKIPPED
        return imposed

    # ---- changing -----------------------------------------------------------------------

    def add(self, instances: Iterable[TaskInstance]) -> list[int]:
        """Take in new instances; return their nodes."""
        added: list[int] = []
        for ti in instances:
            node = len(self.ti)
            task = self.graph.index[ti.task_id]
            self.ti.append(ti)
            self.task_of.append(task)
            self.counts.append([0, 0, 0, 0, 0])
            self.total.append(0)
            self.node_of[ti.in_run] = node
            if not self._replaced(ti):
                self.nodes[task].append(node)
            added.append(node)
            if ti.state not in TERMINAL_STATES:
                self.unfinished += 1
            if ti.due_at is not None:
                self.wake(node, ti.due_at)
        self._by_prefix.clear()
        touched = {self.task_of[node] for node in added}
        below = {d for task in touched for d, _ in self.graph.down[task]}
        for task in touched | below:
            for node in self.nodes[task]:
                self._recount(node)
        return added

    def put(self, node: int, after: TaskInstance) -> None:
        """Replace an instance and bring the counters below in step."""
        before = self.ti[node]
        self.ti[node] = after
        if before.state is after.state:
            return
        old, new = COLUMN.get(before.state), COLUMN.get(after.state)
        if (old is None) != (new is None):
            self.unfinished += 1 if new is None else -1
        if self._replaced(after) and not self._replaced(before):
            self._unlist(node)
            return
        if old == new:
            return
        counts = self.counts
        for other in self.below(node):
            column = counts[other]
            if old is not None:
                column[old] -= 1
            if new is not None:
                column[new] += 1

    def wake(self, node: int, at: datetime) -> None:
        """Look at a node again at this time."""
        heapq.heappush(self._wakes, (at, node))

    def due(self, now: datetime) -> list[int]:
        """Return the nodes whose time has come."""
        found: list[int] = []
        while self._wakes and self._wakes[0][0] <= now:
            _, node = heapq.heappop(self._wakes)
            found.append(node)
        return found

    def next_wake(self) -> datetime | None:
        """Return when a node next wants to be looked at."""
        while self._wakes:
            at, node = self._wakes[0]
            ti = self.ti[node]
            if ti.state not in TERMINAL_STATES:
                return at
            heapq.heappop(self._wakes)
        return None

    def _replaced(self, ti: TaskInstance) -> bool:
        """Tell whether this is a placeholder that expansion has replaced."""
        return (
            ti.state is TaskState.REMOVED
            and ti.map_index == UNMAPPED
            and bool(self.graph.levels[self.graph.index[ti.task_id]])
        )

    def _unlist(self, node: int) -> None:
        task = self.task_of[node]
        self.nodes[task].remove(node)
        self._by_prefix.clear()
        for d, _ in self.graph.down[task]:
            for other in self.nodes[d]:
                self._recount(other)

    def _recount(self, node: int) -> None:
        counts = [0, 0, 0, 0, 0]
        total = 0
        path = self.ti[node].map_path
        for u, shared in self.graph.up[self.task_of[node]]:
            upstream = self.matching(u, shared, path)
            total += len(upstream)
            for n in upstream:
                column = COLUMN.get(self.ti[n].state)
                if column is not None:
                    counts[column] += 1
        self.counts[node] = counts
        self.total[node] = total
