"""A DAG version's graph, made ready for stepping: built once, shared by its runs.

Tasks are indices. Each edge knows how many enclosing mapped groups its two ends share: below
that, an instance looks only at the upstream instances of its own index.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.errors import DagError
from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    GroupSpec,
    MapConcat,
    MapSource,
    MapXCom,
    MapZip,
    TaskSpec,
)
from tradewind.model.state import WeightRule

Level = tuple[str | None, ExpandSpec]
"""One level of mapping: the mapped group's id, or None for the task's own expand."""


class Graph:
    """The graph of a `DagSpec`.

    index: task id → index. down[i]: (downstream task, shared mapped levels) pairs; up[i]: the
    same upwards. levels[i]: how the task is mapped, outermost first. scope[i]: setups whose
    failure stops the task although they are not its direct upstreams; guards[s]: the tasks in
    setup s's scope. leaves: the tasks that decide the run's state.
    """

    __slots__ = (
        "asks_past",
        "down",
        "fed",
        "group_members",
        "guards",
        "index",
        "leaves",
        "levels",
        "scope",
        "spec",
        "tasks",
        "up",
        "weights",
    )

    def __init__(self, spec: DagSpec) -> None:
        self.spec = spec
        self.tasks: tuple[TaskSpec, ...] = spec.tasks
        self.index = {task.task_id: i for i, task in enumerate(spec.tasks)}
        groups = {group.group_id: group for group in spec.groups}
        self.levels = [_levels(task, groups) for task in spec.tasks]
        self.down: list[list[tuple[int, int]]] = [[] for _ in spec.tasks]
        self.up: list[list[tuple[int, int]]] = [[] for _ in spec.tasks]
        self._connect()
        self.group_members = _members(self.levels)
        self.fed = self._fed()
        self.scope, self.guards = self._setups()
        self.leaves = frozenset(self._leaves())
        self.weights = self._weights()
        self.asks_past = frozenset(
            i for i, t in enumerate(spec.tasks) if t.depends_on_past or t.wait_for_downstream
        )

    @classmethod
    def build(cls, spec: DagSpec) -> Graph:
        """Return the graph of a spec."""
        return cls(spec)

    def _connect(self) -> None:
        plain = not any(self.levels)
        for i, task in enumerate(self.tasks):
            up = self.up[i]
            for u in task.upstream:
                shared = 0 if plain else _shared(self.levels[u], self.levels[i])
                up.append((u, shared))
                self.down[u].append((i, shared))

    def _fed(self) -> dict[int, set[str | int]]:
        """Return which mapped groups (by id) and tasks (by index) each task gives elements to."""
        fed: dict[int, set[str | int]] = {}
        for i, levels in enumerate(self.levels):
            for group_id, expand in levels:
                for _, source in expand.sources:
                    for task in sources_of(source):
                        fed.setdefault(task, set()).add(i if group_id is None else group_id)
        return fed

    def _setups(self) -> tuple[list[tuple[int, ...]], dict[int, list[int]]]:
        scope: list[tuple[int, ...]] = [()] * len(self.tasks)
        guards: dict[int, list[int]] = {}
        setups = [i for i, t in enumerate(self.tasks) if t.is_setup]
        if not setups:
            return scope, guards
        for setup in setups:
            below = closure([setup], self.down)
            direct = {d for d, _ in self.down[setup]}
            teardowns = [d for d in direct if self.tasks[d].is_teardown]
            inside = below
            if teardowns:
                inside = set()
                for teardown in teardowns:
                    inside |= below & closure([teardown], self.up)
            for task in inside - direct:
                if not self.tasks[task].is_teardown:
                    scope[task] = (*scope[task], setup)
                    guards.setdefault(setup, []).append(task)
        return scope, guards

    def _leaves(self) -> list[int]:
        found: list[int] = []
        for i, task in enumerate(self.tasks):
            if task.is_teardown:
                if task.on_failure_fail_dagrun:
                    found.append(i)
                continue
            if all(self.tasks[d].is_teardown for d, _ in self.down[i]):
                found.append(i)
        return found or list(range(len(self.tasks)))

    def _weights(self) -> list[int]:
        """Return each task's total priority weight by its weight rule (Airflow's definition)."""
        down: dict[int, int] = {}
        up: dict[int, int] = {}
        weights: list[int] = []
        for i, task in enumerate(self.tasks):
            if task.weight_rule == WeightRule.DOWNSTREAM.value:
                weights.append(self._weight_of(i, self.down, down))
            elif task.weight_rule == WeightRule.UPSTREAM.value:
                weights.append(self._weight_of(i, self.up, up))
            else:
                weights.append(task.priority_weight)
        return weights

    def _weight_of(self, i: int, edges: list[list[tuple[int, int]]], cache: dict[int, int]) -> int:
        if not cache:
            self._fill_weights(edges, cache)
        return cache[i]

    def _fill_weights(self, edges: list[list[tuple[int, int]]], cache: dict[int, int]) -> None:
        # Sets of descendants as bit masks: exact for shared descendants, and fast in C.
        order = range(len(self.tasks))
        masks = [0] * len(self.tasks)
        downwards = edges is self.down
        own = [task.priority_weight for task in self.tasks]
        uniform = len(set(own)) == 1
        for i in reversed(order) if downwards else order:
            mask = 0
            for other, _ in edges[i]:
                mask |= masks[other] | (1 << other)
            masks[i] = mask
            if uniform:
                cache[i] = own[i] * (mask.bit_count() + 1)
            else:
                cache[i] = own[i] + sum(own[j] for j in order if mask >> j & 1)


def closure(start: Iterable[int], edges: list[list[tuple[int, int]]]) -> set[int]:
    """Return everything that can be reached from these tasks along edges (`up` or `down`)."""
    seen: set[int] = set()
    todo = list(start)
    while todo:
        for other, _ in edges[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def sources_of(source: MapSource) -> list[int]:
    """Return the tasks whose values a mapped argument comes from."""
    if isinstance(source, MapXCom):
        return [source.task]
    if isinstance(source, MapZip | MapConcat):
        return [task for part in source.parts for task in sources_of(part)]
    return []


def _levels(task: TaskSpec, groups: dict[str, GroupSpec]) -> tuple[Level, ...]:
    levels: list[Level] = [] if task.expand is None else [(None, task.expand)]
    group_id = task.group_id
    while group_id is not None:
        group = groups.get(group_id)
        if group is None:
            raise DagError(f"task {task.task_id!r} is in group {group_id!r}, which does not exist")
        if group.expand is not None:
            levels.append((group_id, group.expand))
        group_id = group.parent
    return tuple(reversed(levels))


def _shared(a: tuple[Level, ...], b: tuple[Level, ...]) -> int:
    count = 0
    for (group_a, _), (group_b, _) in zip(a, b, strict=False):
        if group_a is None or group_a != group_b:
            break
        count += 1
    return count


def _members(levels: list[tuple[Level, ...]]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for i, chain in enumerate(levels):
        for group_id, _ in chain:
            if group_id is not None:
                members.setdefault(group_id, []).append(i)
    return members
