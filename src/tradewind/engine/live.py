"""One run in memory: its task instances, and what each group of them waits for.

Theory of operation. A task instance is a *node*, a small integer. `tis`, `cats` and `task_of`
are parallel lists over nodes. A *gate* holds how many of its upstream nodes are in which
category; a node's change is told to the gates that count it (`watch`), and a gate whose verdict
changes shows it to its members. So the end of a task costs the number of distinct gates that
count it, whatever the number of tasks and edges.

Mapping. A mapped task starts as one placeholder row (map index -1), a *stub*. When it is
expanded, the instances take the stub's place in every gate and the placeholder's row becomes
`removed`, a state that rules and the run ignore. A task inside several mapping levels has, for
a while, stubs without rows, one for each outer index; they become rows in the order of their
paths, so that map indexes never depend on timing (see `expand`).

Everything except `run`, `tis` and `stopping` is derived; `index` builds it anew.

`stopping` is the one thing beside the rows: what was told to stop may run on for a moment, and
its task starts nothing new until it has ended.

What it does not know: time, capacity, other runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from tradewind.engine import places, rules
from tradewind.engine.graph import Graph, Scope
from tradewind.engine.lengths import Path, Unknown, lengths
from tradewind.engine.places import Gate, Partial
from tradewind.errors import NotFound
from tradewind.model.ids import AttemptId, TaskKey
from tradewind.model.run import Run, Stopping, TaskInstance
from tradewind.model.spec import TaskSpec


class LiveRun:
    """A run with its task instances. `step` changes it; everybody else only reads."""

    def __init__(
        self,
        graph: Graph,
        run: Run,
        instances: Iterable[TaskInstance] = (),
        stopping: Mapping[TaskKey, tuple[AttemptId, datetime]] | None = None,
    ) -> None:
        self.graph = graph
        self.run = run
        self.tis: list[TaskInstance] = list(instances)
        self.key_node: dict[TaskKey, int] = {}
        self.cats: list[int] = []
        self.task_of: list[int] = []
        self.watch: list[list[Gate]] = []
        self.nodes_of: list[list[int]] = []
        self.below: dict[tuple[int, Path], list[int]] = {}
        self.stubs: dict[tuple[int, Path], int] = {}
        self.gates: list[Gate] = []
        self.gate_at: dict[tuple[int, Path], Gate] = {}
        self.partial: dict[int, Partial] = {}
        self.virtual: set[int] = set()
        self.shorted: dict[int, frozenset[int]] = {}
        self.wakes: list[tuple[datetime, int]] = []
        self.dirty: list[int] = []
        self.unfinished = 0
        self.stopping = dict(stopping or {})
        """Attempts that were told to stop while they ran, until when at most: see `Stopping`."""
        self.index()

    @classmethod
    def load(
        cls,
        graph: Graph,
        run: Run,
        instances: Sequence[TaskInstance],
        stopping: Iterable[Stopping] = (),
    ) -> LiveRun:
        """Return a run as its rows say it is. The next step finds what came due meanwhile.

        Args:
            graph: of the run's version.
            run: the run.
            instances: its task instances.
            stopping: attempts of it that may still run although they are not current any more.
        """
        held = {TaskKey(*s.ti[1:]): (s.attempt_id, s.until) for s in stopping}
        return cls(graph, run, instances, held)

    # ---- for readers --------------------------------------------------------------------

    def get(self, key: TaskKey) -> TaskInstance:
        """Return a task instance.

        Raises:
            NotFound: this run has no such task instance.
        """
        node = self.key_node.get(key)
        if node is None:
            raise NotFound(f"run {self.run.run_id!r} of {self.run.dag_id!r} has no task {key}")
        return self.tis[node]

    def find(self, key: TaskKey) -> TaskInstance | None:
        """Return a task instance, or None when this run has no such one."""
        node = self.key_node.get(key)
        return None if node is None else self.tis[node]

    def instances(self) -> Iterator[TaskInstance]:
        """Yield every task instance that has a row, removed ones too."""
        for node in self.key_node.values():
            yield self.tis[node]

    def task(self, task_id: str) -> TaskSpec:
        """Return a task of this version.

        Raises:
            NotFound: this version of the DAG has no such task.
        """
        index = self.graph.index.get(task_id)
        if index is None:
            raise NotFound(f"DAG {self.run.dag_id!r} has no task {task_id!r} in this version")
        return self.graph.tasks[index]

    def past_needs(self) -> frozenset[str]:
        """Return the tasks whose state in the previous run this run asks for."""
        return frozenset(self.graph.tasks[i].task_id for i in self.graph.past_tasks)

    # ---- for the engine -----------------------------------------------------------------

    def relevant(self, task: int, prefix: Path) -> Sequence[int]:
        """Return the nodes of a task below a path, or the stub that stands for them."""
        if not prefix:
            return self.nodes_of[task]
        found = self.below.get((task, prefix))
        if found:
            return found
        for depth in range(len(prefix) - 1, -1, -1):
            stub = self.stubs.get((task, prefix[:depth]))
            if stub is not None:
                return (stub,)
        return ()

    def scope_of(self, node: int) -> Scope | None:
        """Return the mapping level that a stub waits for; None for a full instance."""
        scopes = self.graph.task_scopes[self.task_of[node]]
        level = len(self.tis[node].map_path)
        return self.graph.scopes[scopes[level]] if level < len(scopes) else None

    def index(self) -> None:
        """Build everything that follows from `run` and `tis` anew."""
        tis = [self.tis[n] for n in range(len(self.tis)) if n not in self.virtual]
        self.tis, self.cats, self.task_of, self.watch = [], [], [], []
        self.key_node.clear()
        self.nodes_of = [[] for _ in self.graph.tasks]
        for derived in (self.below, self.stubs, self.gate_at, self.partial, self.shorted):
            derived.clear()
        self.virtual.clear()
        self.gates, self.wakes, self.dirty = [], [], []
        self.unfinished = 0
        for ti in tis:
            places.add(self, ti)
        for task, scopes in enumerate(self.graph.task_scopes):
            if len(scopes) > 1:
                places.resume_expansion(self, task)
        for nodes in self.nodes_of:
            for node in nodes:
                places.join(self, node)
        self.refresh()

    def refresh(self) -> None:
        """Judge every gate anew and note the nodes that a step must look at."""
        for gate in self.gates:
            gate.verdict = self.judge(gate)
            gate.queued = False
        self.dirty = [
            node
            for nodes in self.nodes_of
            for node in nodes
            if self.cats[node] == rules.PENDING and places.may_move(self, node)
        ]

    def gates_of(self, node: int) -> list[Gate]:
        """Return the gates that a node waits at."""
        path = self.tis[node].map_path
        return [
            self.gate_at[number, path[: self.graph.gates[number].depth]]
            for number in places.gate_numbers(self, node)
        ]

    def judge(self, gate: Gate) -> int:
        """Return a gate's verdict."""
        verdict = gate.judge()
        if verdict != rules.RUN or not gate.spec.setups:
            return verdict
        counts = [0] * (rules.CATEGORIES + 1)
        for setup in gate.spec.setups:
            for node in self.relevant(setup, gate.prefix[: gate.spec.depth_of(setup)]):
                counts[self.cats[node]] += 1
        return rules.setups_verdict(counts[: rules.CATEGORIES])

    # ---- mapping, for the worker ----------------------------------------------------------

    def map_levels(self, key: TaskKey) -> list[tuple[str | None, dict[str, int], int]]:
        """Return, outermost first, each mapping level of an instance.

        A level is the mapped group (None for the task's own expand), the length of each mapped
        argument, and the instance's index among their combinations.
        """
        path = self.get(key).map_path
        scopes = self.graph.task_scopes[self.graph.index[key.task_id]]
        levels: list[tuple[str | None, dict[str, int], int]] = []
        for level, index in enumerate(path):
            scope = self.graph.scopes[scopes[level]]
            found = lengths(self, scope, path[:level], None)
            known = {} if isinstance(found, Unknown) else found
            levels.append((scope.group_id, known, index))
        return levels

    def upstream_indexes(self, key: TaskKey) -> dict[str, tuple[int, ...]]:
        """Return which instances of its mapped groups' tasks belong to an instance."""
        task, path = self.graph.index[key.task_id], self.get(key).map_path
        mine = self.graph.task_scopes[task]
        found: dict[str, tuple[int, ...]] = {}
        for other in self.graph.scopes[mine[0]].members if mine else ():
            depth = self.graph.shared_depth(task, other)
            if other != task and depth:
                indexes = sorted(self.tis[n].map_index for n in self.relevant(other, path[:depth]))
                found[self.graph.tasks[other].task_id] = tuple(i for i in indexes if i >= 0)
        return found
