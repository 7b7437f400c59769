"""Which task instances a clear or a mark means: the dry run and the real thing alike."""

from __future__ import annotations

import msgspec

from tradewind.engine.graph import closure
from tradewind.engine.live import LiveRun
from tradewind.errors import NotFound
from tradewind.model.ids import TaskKey
from tradewind.model.state import FAILED_STATES, LIVE_STATES, TaskState


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for.

    task_ids: empty means every task. map_indexes: empty means every instance.
    """

    task_ids: tuple[str, ...] = ()
    map_indexes: tuple[int, ...] = ()
    upstream: bool = False
    downstream: bool = False
    only_failed: bool = False
    only_running: bool = False


def selected(live: LiveRun, selection: Selection) -> tuple[TaskKey, ...]:
    """Return the task instances that a selection means.

    Raises:
        NotFound: it names a task that the run's version does not have.
    """
    graph = live.graph
    unknown = [t for t in selection.task_ids if t not in graph.index]
    if unknown:
        known = ", ".join(sorted(graph.index)[:20])
        raise NotFound(f"DAG {graph.spec.dag_id!r} has no task {unknown[0]!r}; it has: {known}")
    named = {graph.index[t] for t in selection.task_ids} or set(range(len(graph.tasks)))
    tasks = set(named)
    if selection.upstream:
        tasks |= closure(named, graph.up)
    if selection.downstream:
        tasks |= closure(named, graph.down)
    # Clearing work without its setup and teardown would run it without its resource.
    for task in list(tasks):
        for other, _ in [*graph.up[task], *graph.down[task]]:
            if graph.tasks[other].is_setup or graph.tasks[other].is_teardown:
                tasks.add(other)
    return tuple(
        live.ti[node].in_run
        for task in sorted(tasks)
        for node in live.nodes[task]
        if _wanted(live, node, selection, by_name=task in named)
    )


def _wanted(live: LiveRun, node: int, selection: Selection, *, by_name: bool) -> bool:
    ti = live.ti[node]
    if by_name and selection.map_indexes and ti.map_index not in selection.map_indexes:
        return False
    if selection.only_failed and ti.state not in FAILED_STATES:
        return False
    if selection.only_running and ti.state not in LIVE_STATES:
        return False
    return ti.state is not TaskState.NONE
