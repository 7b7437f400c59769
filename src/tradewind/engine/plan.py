"""Which task instances a clear or a mark means: the dry run and the real thing alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tradewind.engine.graph import Graph, teardowns_of
from tradewind.engine.live import LiveRun
from tradewind.errors import NotFound
from tradewind.model.ids import TaskKey
from tradewind.model.run import TaskInstance
from tradewind.model.state import FAILED_STATES, LIVE_STATES, TaskState


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for.

    task_ids: empty means every task. map_indexes: empty means every instance; they choose among
        the named tasks' instances, not among what upstream and downstream add.
    """

    task_ids: tuple[str, ...] = ()
    map_indexes: tuple[int, ...] = ()
    upstream: bool = False
    downstream: bool = False
    only_failed: bool = False
    only_running: bool = False


def selected(live: LiveRun, selection: Selection) -> tuple[TaskKey, ...]:
    """Return the task instances that a clear of this selection means.

    The setups and teardowns that bracket a selected task are part of it: without them the work
    would run again without its resource.

    Raises:
        NotFound: it names a task that the run's version does not have.
    """
    named, tasks = _tasks(live.graph, selection)
    tasks |= _brackets(live.graph, tasks)
    return _keys(live, selection, named, tasks, lambda ti: ti.state is not TaskState.NONE)


def to_mark(live: LiveRun, selection: Selection, state: TaskState) -> tuple[TaskKey, ...]:
    """Return the task instances that marking this selection changes.

    Raises:
        NotFound: it names a task that the run's version does not have.
    """
    named, tasks = _tasks(live.graph, selection)
    return _keys(live, selection, named, tasks, lambda ti: ti.state is not state)


def everything(live: LiveRun, selection: Selection) -> tuple[TaskKey, ...]:
    """Return the task instances of this selection, whatever their state.

    Raises:
        NotFound: it names a task that the run's version does not have.
    """
    named, tasks = _tasks(live.graph, selection)
    return _keys(live, selection, named, tasks, lambda _: True)


def to_resume(live: LiveRun, marked: tuple[TaskKey, ...]) -> tuple[TaskKey, ...]:
    """Return what to clear after a mark so that the run goes on: failures below what was marked."""
    below: set[int] = set()
    for key in marked:
        below |= live.graph.descendants(live.graph.index[key.task_id])
    names = set(marked)
    found = _keys(live, Selection(), set(), below, lambda ti: ti.state in FAILED_STATES)
    return tuple(key for key in found if key not in names)


def _tasks(graph: Graph, selection: Selection) -> tuple[set[int], set[int]]:
    for task_id in selection.task_ids:
        if task_id not in graph.index:
            known = ", ".join(sorted(graph.index)[:20])
            raise NotFound(f"DAG {graph.spec.dag_id!r} has no task {task_id!r}; it has: {known}")
    named = {graph.index[t] for t in selection.task_ids} or set(range(len(graph.tasks)))
    tasks = set(named)
    if len(named) < len(graph.tasks):
        for task in named:
            if selection.upstream:
                tasks |= graph.ancestors(task)
            if selection.downstream:
                tasks |= graph.descendants(task)
    return named, tasks


def _brackets(graph: Graph, tasks: set[int]) -> set[int]:
    """Return the setups that bind these tasks, and the teardowns of those."""
    closed_by = teardowns_of(graph.spec)
    found: set[int] = set()
    for task in tasks:
        setups = {up for up in graph.tasks[task].upstream if graph.tasks[up].is_setup}
        if task in graph.setup_gate:
            setups.update(graph.gates[graph.setup_gate[task]].upstream)
        found |= setups
        for setup in (*setups, task):
            teardowns = closed_by.get(setup, 0)
            found.update(i for i in range(len(graph.tasks)) if teardowns >> i & 1)
    return found


def _keys(
    live: LiveRun,
    selection: Selection,
    named: set[int],
    tasks: set[int],
    wanted: Callable[[TaskInstance], bool],
) -> tuple[TaskKey, ...]:
    return tuple(
        ti.in_run
        for task in sorted(tasks)
        for ti in _instances(live, task)
        if wanted(ti)
        and not (task in named and selection.map_indexes and _other(ti, selection))
        and (not selection.only_failed or ti.state in FAILED_STATES)
        and (not selection.only_running or ti.state in LIVE_STATES)
    )


def _other(ti: TaskInstance, selection: Selection) -> bool:
    return ti.map_index not in selection.map_indexes


def _instances(live: LiveRun, task: int) -> Iterator[TaskInstance]:
    rows = [live.tis[node] for node in live.nodes_of[task] if node not in live.virtual]
    if task in live.partial:
        rows.append(live.tis[live.partial[task].placeholder])
    yield from sorted(rows, key=lambda ti: ti.map_index)
