"""Where each task instance stands in a live run: nodes, gates and half-done expansions.

The engine-internal half of `live`: functions that keep a `LiveRun`'s derived parts right. A
node is placed where `LiveRun.relevant` finds it, joins the gates that it waits at, and is
watched by the gates that count it.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush
from math import prod
from typing import TYPE_CHECKING

from tradewind.engine import rules
from tradewind.engine.graph import NO_GATE, GateSpec
from tradewind.engine.lengths import Path, Unknown, lengths
from tradewind.model.ids import UNMAPPED
from tradewind.model.run import TaskInstance
from tradewind.model.state import TERMINAL_STATES, TaskState

if TYPE_CHECKING:
    from tradewind.engine.live import LiveRun

SKIP_ALL = "*"
"""In `TaskInstance.skips`: everything downstream, whatever its rule (a short-circuit)."""

STRAY = -1
"""The task index of a row whose task is not in this version of the DAG."""


class Gate:
    """What some nodes wait for in common: the counts of their upstream nodes by category."""

    __slots__ = ("counts", "members", "number", "prefix", "queued", "spec", "verdict")

    def __init__(self, number: int, spec: GateSpec, prefix: Path) -> None:
        self.number = number
        self.spec = spec
        self.prefix = prefix
        self.counts = [0] * (rules.CATEGORIES + 1)
        self.members: list[int] = []
        self.verdict = rules.WAIT
        self.queued = False

    def judge(self) -> int:
        """Return the rule's verdict on the counts as they are now."""
        c = self.counts
        if not (c[0] or c[1] or c[2] or c[3] or c[4]):
            return rules.RUN
        return self.spec.judge(c)


class Partial:
    """An expansion over several levels in progress.

    frontier: the stubs without rows, in the order of their paths. resolved: what has become of
    a stub that waits for earlier ones: a length, or the state that it settled in and why.
    next_index: the map index of the next row.
    """

    __slots__ = ("frontier", "next_index", "placeholder", "resolved")

    def __init__(self, placeholder: int, frontier: list[int], next_index: int) -> None:
        self.placeholder = placeholder
        self.frontier = frontier
        self.resolved: dict[int, int | tuple[TaskState, str | None]] = {}
        self.next_index = next_index


# ---- nodes ------------------------------------------------------------------------------


def add(live: LiveRun, ti: TaskInstance, *, virtual: bool = False) -> int:
    """Add a node, and give it its place unless it is removed or not in this version."""
    node = len(live.tis)
    task = live.graph.index.get(ti.task_id, STRAY)
    if task != STRAY and len(ti.map_path) > live.graph.depth(task):
        task = STRAY
    live.tis.append(ti)
    live.cats.append(rules.CATEGORY[ti.state])
    live.task_of.append(task)
    live.watch.append([])
    if virtual:
        live.virtual.add(node)
    else:
        live.key_node[ti.in_run] = node
        live.unfinished += ti.state not in TERMINAL_STATES
    if task != STRAY and ti.state is not TaskState.REMOVED:
        place(live, node)
    if ti.due_at is not None:
        heappush(live.wakes, (ti.due_at, node))
    if SKIP_ALL in ti.skips and task != STRAY:
        short(live, task)
    return node


def place(live: LiveRun, node: int) -> None:
    """Enter a node where `relevant` looks."""
    task, path = live.task_of[node], live.tis[node].map_path
    live.nodes_of[task].append(node)
    if not live.graph.task_scopes[task]:
        return
    for depth in range(1, len(path) + 1):
        live.below.setdefault((task, path[:depth]), []).append(node)
    if len(path) < live.graph.depth(task):
        live.stubs[task, path] = node


def unplace(live: LiveRun, node: int) -> None:
    """Take a stub out: its instances have come, or it is gone."""
    task, path = live.task_of[node], live.tis[node].map_path
    live.nodes_of[task].remove(node)
    for depth in range(1, len(path) + 1):
        live.below[task, path[:depth]].remove(node)
    live.stubs.pop((task, path), None)


def short(live: LiveRun, task: int) -> None:
    """Remember that an instance of this task skipped everything below it."""
    if task not in live.shorted:
        below = live.graph.descendants(task)
        live.shorted[task] = frozenset(i for i in below if not live.graph.tasks[i].is_teardown)


# ---- gates ------------------------------------------------------------------------------


def join(live: LiveRun, node: int) -> None:
    """Let a node wait at its gates, making and counting those that are new."""
    for number in gate_numbers(live, node):
        spec = live.graph.gates[number]
        prefix = live.tis[node].map_path[: spec.depth]
        gate = live.gate_at.get((number, prefix))
        if gate is None:
            gate = open_gate(live, number, spec, prefix)
        gate.members.append(node)


def gate_numbers(live: LiveRun, node: int) -> Iterator[int]:
    """Yield the gates that a node waits at: its indirect setups', then its rule's."""
    task = live.task_of[node]
    setups = live.graph.setup_gate.get(task)
    if setups is not None:
        yield setups
    direct = live.graph.gate[task]
    if direct != NO_GATE:
        yield direct


def open_gate(live: LiveRun, number: int, spec: GateSpec, prefix: Path) -> Gate:
    """Make a gate, and count the upstream nodes that it waits for."""
    gate = Gate(len(live.gates), spec, prefix)
    live.gates.append(gate)
    live.gate_at[number, prefix] = gate
    for position, task in enumerate(spec.upstream):
        shared = prefix[: spec.depths[position]] if spec.depths else ()
        for node in live.relevant(task, shared):
            live.watch[node].append(gate)
            gate.counts[live.cats[node]] += 1
    gate.verdict = live.judge(gate)
    return gate


def may_move(live: LiveRun, node: int) -> bool:
    """Tell whether a pending node is worth a look although nothing happened to it."""
    task = live.task_of[node]
    if live.scope_of(node) is not None or live.graph.branches[task]:
        return True
    if any(task in below for below in live.shorted.values()):
        return True
    verdicts = [gate.verdict for gate in live.gates_of(node)]
    return rules.WAIT not in verdicts or max(verdicts) > rules.RUN


# ---- half-done expansions ---------------------------------------------------------------


def resume_expansion(live: LiveRun, task: int) -> None:
    """Find the stubs without rows of an expansion that was half done when it was saved."""
    placeholder = live.stubs.get((task, ()))
    if placeholder is None or live.tis[placeholder].state is not TaskState.NONE:
        return
    frontier: list[Path] = []
    _unfinished_paths(live, task, (), frontier)
    if frontier == [()]:
        return
    rows = len(live.nodes_of[task]) - 1
    unplace(live, placeholder)
    live.cats[placeholder] = rules.GONE
    ti = live.tis[placeholder]
    nodes = [add_stub(live, ti, path) for path in frontier]
    live.partial[task] = Partial(placeholder, nodes, rows)


def _unfinished_paths(live: LiveRun, task: int, path: Path, found: list[Path]) -> None:
    depth = live.graph.depth(task)
    rows = live.below.get((task, path)) if path else live.nodes_of[task]
    if path and any(live.tis[n].map_path == path for n in rows or ()):
        return
    width = _known_width(live, task, path) if len(path) < depth - 1 else 0
    if width:
        for i in range(width):
            _unfinished_paths(live, task, (*path, i), found)
    elif not any(len(live.tis[n].map_path) > len(path) for n in rows or ()):
        found.append(path)


def _known_width(live: LiveRun, task: int, path: Path) -> int:
    """Return how often the group at this path is expanded, as its sources or its rows say."""
    level = len(path)
    scope = live.graph.scopes[live.graph.task_scopes[task][level]]
    found = lengths(live, scope, path, None)
    width = 0 if isinstance(found, Unknown) else prod(found.values())
    for member in scope.members:
        nodes = live.below.get((member, path), ()) if path else live.nodes_of[member]
        for node in nodes:
            deeper = live.tis[node].map_path
            if len(deeper) > level:
                width = max(width, deeper[level] + 1)
    return width


def add_stub(live: LiveRun, ti: TaskInstance, path: Path) -> int:
    """Add a stub without a row for an inner level of a mapped task."""
    stub = TaskInstance(run_pk=ti.run_pk, task_id=ti.task_id, map_index=UNMAPPED, map_path=path)
    return add(live, stub, virtual=True)
