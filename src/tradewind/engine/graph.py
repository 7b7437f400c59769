"""A DAG version as integers, built once and shared by all of its runs.

Theory of operation. Tasks are their index in `DagSpec.tasks`, which is a topological order.
Tasks that wait for the same upstreams under the same rule share one *gate*: a layer of 100
tasks below a layer of 100 is one gate with 100 upstreams and 100 members instead of 10,000
edges, and the end of one upstream costs one count. What a task waits for is therefore a gate
number; who waits for a task is the tuple of gates that count it.

Mapping comes in *scopes*: a mapped task group is one, and so is the own `expand` of a mapped
task. A task's scopes, outermost first, are the levels of its instances' `map_path`. Two tasks
see each other index by index as deep as they share mapped groups, and as a whole below that.

Setups that a task does not depend on directly still bind it: it has a second gate over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from tradewind.engine.rules import JUDGES, SETUPS
from tradewind.errors import DagError
from tradewind.model.spec import (
    DagSpec,
    ExpandSpec,
    MapConcat,
    MapLiteral,
    MapSource,
    MapXCom,
    MapZip,
    TaskSpec,
)
from tradewind.model.state import TriggerRule, WeightRule

MAX_WEIGHT = 2**31 - 1
"""Priority weights are capped to what a 32-bit column holds, as in Airflow."""

NO_GATE = -1


class Scope:
    """One level of mapping: a mapped group, or a mapped task's own expand.

    level: how many scopes enclose it. members: the tasks that it multiplies, ascending.
    depths: for each task that a source reads, how many enclosing mapped groups it shares.
    """

    __slots__ = ("depths", "expand", "group_id", "level", "members")

    def __init__(self, group_id: str | None, expand: ExpandSpec, level: int) -> None:
        self.group_id = group_id
        self.expand = expand
        self.level = level
        self.members: list[int] = []
        self.depths: dict[int, int] = {}


class GateSpec:
    """What some tasks wait for in common.

    depths: for each upstream, how many mapped groups it shares with the members; None when
        none does (the common case). depth: the deepest of them.
    setups: the upstreams that are setups, for the rule that looks at them apart.
    """

    __slots__ = ("depth", "depths", "first", "judge", "rule", "setups", "upstream")

    def __init__(
        self, rule: str, upstream: tuple[int, ...], depths: tuple[int, ...] | None, first: int
    ) -> None:
        self.rule = rule
        self.judge = JUDGES[rule]
        self.upstream = upstream
        self.depths = depths
        self.depth = max(depths) if depths else 0
        self.first = first
        self.setups: tuple[int, ...] = ()

    def depth_of(self, task: int) -> int:
        """Return how many mapped groups an upstream shares with the members."""
        return 0 if self.depths is None else self.depths[self.upstream.index(task)]


class Graph:
    """A DAG version, ready to be run. Immutable; build it with `Graph.build`."""

    def __init__(self, spec: DagSpec) -> None:
        self.spec = spec
        self.tasks: tuple[TaskSpec, ...] = spec.tasks
        self.index: dict[str, int] = {task.task_id: i for i, task in enumerate(spec.tasks)}
        self.scopes: list[Scope] = []
        self.task_scopes: list[tuple[int, ...]] = _task_scopes(spec, self.scopes)
        self.gates: list[GateSpec] = []
        self._interned: dict[tuple[str, tuple[int, ...], tuple[int, ...] | None], int] = {}
        self.gate: list[int] = []
        self.setup_gate: dict[int, int] = {}
        watchers: list[list[int]] = [[] for _ in spec.tasks]
        for i, task in enumerate(spec.tasks):
            self.gate.append(self._intern(i, task.trigger_rule, task.upstream))
        for i, setups in _indirect_setups(spec).items():
            if spec.tasks[i].trigger_rule is not TriggerRule.ALWAYS:
                self.setup_gate[i] = self._intern(i, SETUPS, setups)
        for number, gate in enumerate(self.gates):
            for up in gate.upstream:
                watchers[up].append(number)
        self.watchers: list[tuple[int, ...]] = [tuple(w) for w in watchers]
        self._interned.clear()
        self.measured_by: dict[int, list[int]] = self._connect_sources()
        self.leaves: frozenset[int] = _leaves(spec)
        self.branches: list[tuple[int, ...]] = _branches(spec)

    @classmethod
    def build(cls, spec: DagSpec) -> Graph:
        """Return the graph of a DAG version.

        Raises:
            DagError: the spec's tasks are not in topological order.
        """
        for i, task in enumerate(spec.tasks):
            if task.upstream and max(task.upstream) >= i:
                raise DagError(
                    f"DAG {spec.dag_id!r}: task {task.task_id!r} stands before one of its "
                    "upstreams; publish the DAG file again"
                )
        return cls(spec)

    def depth(self, task: int) -> int:
        """Return how many mapping levels a task has."""
        return len(self.task_scopes[task])

    def shared_depth(self, one: int, other: int) -> int:
        """Return how many mapped groups enclose both tasks."""
        return _shared(self.task_scopes[one], self.task_scopes[other])

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """The total priority weight of each task, by its weight rule."""
        return _weights(self)

    @cached_property
    def past_tasks(self) -> frozenset[int]:
        """Tasks that ask how they ended in the previous run."""
        return frozenset(
            i for i, t in enumerate(self.tasks) if t.depends_on_past or t.wait_for_downstream
        )

    @cached_property
    def gate_members(self) -> list[list[int]]:
        """The tasks behind each gate, ascending."""
        members: list[list[int]] = [[] for _ in self.gates]
        for i, gate in enumerate(self.gate):
            if gate != NO_GATE:
                members[gate].append(i)
        for i, gate in self.setup_gate.items():
            members[gate].append(i)
        return members

    def downstream(self, task: int) -> list[int]:
        """Return the direct downstream tasks, ascending."""
        found: set[int] = set()
        for gate in self.watchers[task]:
            if self.gates[gate].rule != SETUPS:
                found.update(self.gate_members[gate])
        if self._always:
            found.update(i for i in self._always if task in self.tasks[i].upstream)
        return sorted(found)

    def descendants(self, task: int) -> set[int]:
        """Return every task below one, itself not included."""
        return _flood(task, self.downstream)

    def ancestors(self, task: int) -> set[int]:
        """Return every task above one, itself not included."""
        return _flood(task, lambda i: self.tasks[i].upstream)

    @cached_property
    def _always(self) -> tuple[int, ...]:
        return tuple(i for i, t in enumerate(self.tasks) if t.upstream and self.gate[i] == NO_GATE)

    def _intern(self, task: int, rule: str, upstream: tuple[int, ...]) -> int:
        if not upstream or rule == TriggerRule.ALWAYS:
            return NO_GATE
        depths: tuple[int, ...] | None = None
        if self.task_scopes[task]:
            depths = tuple(self.shared_depth(up, task) for up in upstream)
            if not any(depths):
                depths = None
        key = (rule, upstream, depths)
        number = self._interned.get(key)
        if number is None:
            number = self._interned[key] = len(self.gates)
            gate = GateSpec(rule, upstream, depths, first=task)
            if rule == TriggerRule.ALL_DONE_SETUP_SUCCESS:
                gate.setups = tuple(up for up in upstream if self.tasks[up].is_setup)
            self.gates.append(gate)
        return number

    def _connect_sources(self) -> dict[int, list[int]]:
        measured_by: dict[int, list[int]] = {}
        for number, scope in enumerate(self.scopes):
            outer = self.task_scopes[scope.members[0]][: scope.level] if scope.members else ()
            for _, source in scope.expand.sources:
                for task in xcom_tasks(source):
                    if task not in scope.depths:
                        scope.depths[task] = _shared(self.task_scopes[task], outer)
                        measured_by.setdefault(task, []).append(number)
        return measured_by


def xcom_tasks(source: MapSource) -> Iterator[int]:
    """Yield the tasks whose values a mapped argument reads."""
    if isinstance(source, MapXCom):
        yield source.task
    elif isinstance(source, MapZip | MapConcat):
        for part in source.parts:
            yield from xcom_tasks(part)
    else:
        assert isinstance(source, MapLiteral)


def _task_scopes(spec: DagSpec, scopes: list[Scope]) -> list[tuple[int, ...]]:
    groups = {group.group_id: group for group in spec.groups}
    of_group: dict[str | None, tuple[int, ...]] = {None: ()}

    def chain(group_id: str | None) -> tuple[int, ...]:
        found = of_group.get(group_id)
        if found is None:
            group = groups[group_id or ""]
            found = chain(group.parent)
            if group.expand is not None:
                scopes.append(Scope(group_id, group.expand, level=len(found)))
                found = (*found, len(scopes) - 1)
            of_group[group_id] = found
        return found

    result: list[tuple[int, ...]] = []
    for i, task in enumerate(spec.tasks):
        mine = chain(task.group_id)
        if task.expand is not None:
            scopes.append(Scope(None, task.expand, level=len(mine)))
            mine = (*mine, len(scopes) - 1)
        for number in mine:
            scopes[number].members.append(i)
        result.append(mine)
    return result


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    depth = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        depth += 1
    return depth


def _flood(start: int, neighbours: Callable[[int], Sequence[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for task in neighbours(waiting.pop()):
            if task not in found:
                found.add(task)
                waiting.append(task)
    return found


def _leaves(spec: DagSpec) -> frozenset[int]:
    """Return the tasks whose states decide the run's.

    A teardown does not count unless its author says so, and what stands above nothing but
    teardowns counts as a leaf. In a DAG of teardowns alone, the last ones count.
    """
    inner: set[int] = set()
    above_something: set[int] = set()
    for task in spec.tasks:
        above_something.update(task.upstream)
        if not task.is_teardown:
            inner.update(task.upstream)
    leaves = frozenset(
        i
        for i, task in enumerate(spec.tasks)
        if (task.on_failure_fail_dagrun if task.is_teardown else i not in inner)
    )
    return leaves or frozenset(i for i in range(len(spec.tasks)) if i not in above_something)


def _branches(spec: DagSpec) -> list[tuple[int, ...]]:
    """Return, for each task, its direct upstreams that may choose to skip it."""
    choosers = {i for i, task in enumerate(spec.tasks) if task.can_skip_downstream}
    if not choosers:
        return [()] * len(spec.tasks)
    return [tuple(up for up in task.upstream if up in choosers) for task in spec.tasks]


def _indirect_setups(spec: DagSpec) -> dict[int, tuple[int, ...]]:
    """Return the setups that bind each task without being its direct upstream.

    A setup above a task binds it when it has no teardown at all, or when one of its teardowns
    stands below the task: the task is then inside what the pair brackets.
    """
    if not any(task.is_setup for task in spec.tasks):
        return {}
    above = [0] * len(spec.tasks)
    below = [0] * len(spec.tasks)
    for i, task in enumerate(spec.tasks):
        for up in task.upstream:
            above[i] |= above[up] | (1 << up if spec.tasks[up].is_setup else 0)
    for i in range(len(spec.tasks) - 1, -1, -1):
        mine = below[i] | (1 << i if spec.tasks[i].is_teardown else 0)
        for up in spec.tasks[i].upstream:
            below[up] |= mine
    closed_by = teardowns_of(spec)
    found: dict[int, tuple[int, ...]] = {}
    for i, task in enumerate(spec.tasks):
        if task.is_teardown:
            continue
        binding = tuple(
            up
            for up in _bits(above[i])
            if up not in task.upstream and (up not in closed_by or closed_by[up] & below[i])
        )
        if binding:
            found[i] = binding
    return found


def teardowns_of(spec: DagSpec) -> dict[int, int]:
    """Return, for each setup that has one, the bit set of its teardowns."""
    found: dict[int, int] = {}
    for i, task in enumerate(spec.tasks):
        for up in task.upstream if task.is_teardown else ():
            if spec.tasks[up].is_setup:
                found[up] = found.get(up, 0) | 1 << i
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _weights(graph: Graph) -> tuple[int, ...]:
    tasks = graph.tasks
    totals = [task.priority_weight for task in tasks]
    rules = {task.weight_rule for task in tasks}
    masks: dict[int, int] = {}
    if rules & {WeightRule.DOWNSTREAM, WeightRule.UPSTREAM}:
        for i, task in enumerate(tasks):
            masks[task.priority_weight] = masks.get(task.priority_weight, 0) | 1 << i
    if WeightRule.UPSTREAM in rules:
        for i, above in _closures_up(graph):
            if tasks[i].weight_rule == WeightRule.UPSTREAM:
                totals[i] += _weigh(above, masks)
    if WeightRule.DOWNSTREAM in rules:
        for i, below in _closures_down(graph):
            if tasks[i].weight_rule == WeightRule.DOWNSTREAM:
                totals[i] += _weigh(below, masks)
    return tuple(max(-MAX_WEIGHT, min(total, MAX_WEIGHT)) for total in totals)


def _weigh(mask: int, masks: dict[int, int]) -> int:
    return sum(weight * (mask & members).bit_count() for weight, members in masks.items())


def _closures_up(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield (task, bit set of everything above it); equal upstream tuples are walked once."""
    known: dict[tuple[int, ...], int] = {}
    closed: list[int] = []
    for i, task in enumerate(graph.tasks):
        above = known.get(task.upstream)
        if above is None:
            above = 0
            for up in task.upstream:
                above |= closed[up]
            known[task.upstream] = above
        closed.append(above | 1 << i)
        yield i, above


def _closures_down(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield (task, bit set of everything below it), walking each distinct upstream tuple once."""
    members: dict[tuple[int, ...], list[int]] = {}
    for i, task in enumerate(graph.tasks):
        if task.upstream:
            members.setdefault(task.upstream, []).append(i)
    feeds: list[list[tuple[int, ...]]] = [[] for _ in graph.tasks]
    for upstream in members:
        for up in upstream:
            feeds[up].append(upstream)
    closed = [0] * len(graph.tasks)
    through: dict[tuple[int, ...], int] = {}
    for i in range(len(graph.tasks) - 1, -1, -1):
        below = 0
        for upstream in feeds[i]:
            mask = through.get(upstream)
            if mask is None:
                mask = 0
                for member in members[upstream]:
                    mask |= closed[member]
                through[upstream] = mask
            below |= mask
        closed[i] = below | 1 << i
        yield i, below
