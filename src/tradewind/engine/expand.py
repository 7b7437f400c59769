"""Dynamic mapping: how long, which instances, in which order.

Theory of operation.
* A mapped group is expanded as soon as its lengths are known; a mapped task also waits for its
  rule, so that a failed upstream leaves one `upstream_failed` placeholder and not a hundred.
* Lengths come from the upstreams' rows: what a task returned (`mapped_length`), or, over a
  mapped task, how many of its instances returned something. Several `expand` arguments make
  their cross product, the last varying fastest.
* Map indexes are flat and follow the paths in lexicographic order. Inside a mapped group, the
  inner length may differ from one outer index to the next; inner stubs therefore become rows
  in the order of their paths, as far as all earlier ones are settled. The same lengths give
  the same indexes, whatever ended first.
* An empty expansion is one skipped instance; a stub that its rule settles is one instance too.
* A clear that covers every instance below a scope, and a source of it, takes the expansion
  back: the instances become `removed`, the placeholder waits again, and the next expansion
  revives as many as it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tradewind.engine import places, rules
from tradewind.engine.draft import Draft
from tradewind.engine.graph import Scope
from tradewind.engine.lengths import Path, literal_width
from tradewind.engine.live import LiveRun
from tradewind.engine.places import Partial
from tradewind.model.ids import UNMAPPED, TaskKey
from tradewind.model.run import TaskInstance
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TaskState

# ---- creation ---------------------------------------------------------------------------


def create_task(draft: Draft, index: int) -> None:
    """Create a task's first rows: all of them when its lengths are written in the DAG file."""
    live = draft.live
    paths: list[Path] = [()]
    for number in live.graph.task_scopes[index]:
        width = literal_width(live.graph.scopes[number])
        if not width:
            add_row(draft, index, UNMAPPED, ())
            return
        paths = [(*path, i) for path in paths for i in range(width)]
    if paths == [()]:
        add_row(draft, index, UNMAPPED, ())
        return
    for map_index, path in enumerate(paths):
        add_row(draft, index, map_index, path)


def add_row(draft: Draft, index: int, map_index: int, path: Path) -> int:
    """Create an instance, or revive the removed one that has its key; return its node."""
    live = draft.live
    task = live.graph.tasks[index]
    node = live.key_node.get(TaskKey(task.task_id, map_index))
    if node is not None:
        ti = live.tis[node]
        draft.move(node, TaskState.NONE, map_path=path, **forgotten(ti, task))
        live.task_of[node] = index
        places.place(live, node)
        return node
    ti = TaskInstance(
        run_pk=live.run.run_pk,
        task_id=task.task_id,
        map_index=map_index,
        map_path=path,
        max_tries=task.retries,
    )
    draft.created.append(ti)
    return places.add(live, ti)


def forgotten(ti: TaskInstance, task: TaskSpec | None) -> dict[str, Any]:
    """Return the fields of an instance that starts anew: its tries count on, the rest is gone."""
    return {
        "max_tries": ti.try_number + (task.retries if task else 0),
        "attempt_id": None,
        "due_at": None,
        "queued_at": None,
        "started_at": None,
        "ended_at": None,
        "first_started_at": None,
        "reschedule_count": 0,
        "mapped_length": None,
        "returned": False,
        "infra_losses": 0,
        "skips": (),
    }


# ---- expansion --------------------------------------------------------------------------


def expand(draft: Draft, stub: int, width: int) -> None:
    """Let a stub be replaced by this many instances (or inner stubs)."""
    live = draft.live
    task = live.task_of[stub]
    path = live.tis[stub].map_path
    if not width:
        settle_stub(draft, stub, TaskState.SKIPPED, "mapped over nothing: the list is empty")
        return
    innermost = len(path) + 1 == live.graph.depth(task)
    if innermost and stub in live.virtual:
        live.partial[task].resolved[stub] = width
        _materialise(draft, task)
        return
    if innermost:
        _expand_row(draft, stub, width)
        return
    if path and stub not in live.virtual:
        name = live.graph.tasks[task].task_id
        reason = f"cannot be expanded alone; clear all instances of {name!r} to expand it anew"
        draft.move(stub, TaskState.FAILED, reason)
        return
    inner = [(UNMAPPED, (*path, i)) for i in range(width)]
    nodes = _replace(draft, stub, inner, rows=False)
    partial = live.partial.get(task)
    if partial is None:
        live.partial[task] = Partial(stub, nodes, next_index=0)
    else:
        at = partial.frontier.index(stub)
        partial.frontier[at : at + 1] = nodes


def _expand_row(draft: Draft, stub: int, width: int) -> None:
    """Expand a stub that has a row: a placeholder, or one inner index that was cleared alone.

    The latter stands among instances that keep their numbers, so that nothing which has ended
    runs again: its first instance takes over its number, the others are numbered behind all.
    """
    live = draft.live
    task, ti = live.task_of[stub], live.tis[stub]
    numbers = list(range(width))
    if ti.map_index != UNMAPPED:
        partial = live.partial.get(task)
        rows = sum(live.tis[n].map_index != UNMAPPED for n in live.nodes_of[task])
        numbers = [ti.map_index, *range(rows, rows + width - 1)]
        if partial is not None:
            partial.next_index += width - 1
    children = [(number, (*ti.map_path, i)) for i, number in enumerate(numbers)]
    _replace(draft, stub, children, rows=True, gone=f"expanded into {width}")


def settle_stub(draft: Draft, stub: int, state: TaskState, reason: str | None) -> None:
    """Let a stub end without being expanded."""
    live = draft.live
    if stub not in live.virtual:
        draft.move(stub, state, reason)
        return
    task = live.task_of[stub]
    live.partial[task].resolved[stub] = (state, reason)
    _materialise(draft, task)


def _materialise(draft: Draft, task: int) -> None:
    """Turn resolved stubs into rows, in the order of their paths."""
    live = draft.live
    partial = live.partial[task]
    while partial.frontier and partial.frontier[0] in partial.resolved:
        stub = partial.frontier.pop(0)
        resolved = partial.resolved.pop(stub)
        path = live.tis[stub].map_path
        first = partial.next_index
        if isinstance(resolved, int):
            partial.next_index += resolved
            rows = [(first + i, (*path, i)) for i in range(resolved)]
            _replace(draft, stub, rows, rows=True)
        else:
            partial.next_index += 1
            (node,) = _replace(draft, stub, [(first, path)], rows=True)
            state, reason = resolved
            draft.move(node, state, reason)
    if not partial.frontier:
        del live.partial[task]
        draft.move(partial.placeholder, TaskState.REMOVED, f"expanded into {partial.next_index}")


def _replace(
    draft: Draft,
    stub: int,
    positions: Sequence[tuple[int, Path]],
    *,
    rows: bool,
    gone: str | None = None,
) -> list[int]:
    """Put instances, or inner stubs, into a stub's place in every gate that counts it.

    gone: the reason for removing the stub's own row, which comes first: an instance may take
        its number over.
    """
    live = draft.live
    task, ti = live.task_of[stub], live.tis[stub]
    path = ti.map_path
    places.unplace(live, stub)
    watching, live.watch[stub] = live.watch[stub], []
    for gate in watching:
        gate.counts[live.cats[stub]] -= 1
    live.cats[stub] = rules.GONE
    if gone is not None:
        draft.move(stub, TaskState.REMOVED, gone)
    nodes = [
        add_row(draft, task, map_index, position) if rows else places.add_stub(live, ti, position)
        for map_index, position in positions
    ]
    for gate in watching:
        shared = gate.prefix[: gate.spec.depth_of(task)]
        counted: Sequence[int] = nodes
        if len(shared) > len(path):
            counted = [n for n in nodes if live.tis[n].map_path[: len(shared)] == shared]
        for node in counted:
            gate.counts[live.cats[node]] += 1
            live.watch[node].append(gate)
        draft.touch_gate(gate)
    for node in nodes:
        places.join(live, node)
        draft.touch(node)
    return nodes


# ---- collapse ---------------------------------------------------------------------------


def collapse(draft: Draft, cleared: set[int]) -> bool:
    """Take back the expansions that a clear covers whole, and whose lengths may change.

    Returns:
        whether anything was taken back; the counts are then out of date.
    """
    live = draft.live
    done: set[int] = set()
    for scope in live.graph.scopes:
        if done.issuperset(scope.members) or not _must_measure_again(live, scope):
            continue
        expanded = [n for n in _instances(live, scope) if len(live.tis[n].map_path) > scope.level]
        if expanded and cleared.issuperset(_instances(live, scope)):
            for task in scope.members:
                if task not in done:
                    done.add(task)
                    _take_back(draft, task)
    return bool(done)


def _must_measure_again(live: LiveRun, scope: Scope) -> bool:
    return any(
        live.cats[node] == rules.PENDING for task in scope.depths for node in live.nodes_of[task]
    )


def _instances(live: LiveRun, scope: Scope) -> Iterator[int]:
    for task in scope.members:
        for node in live.nodes_of[task]:
            if node not in live.virtual:
                yield node


def _take_back(draft: Draft, task: int) -> None:
    live = draft.live
    for node in live.nodes_of[task]:
        if node not in live.virtual and live.tis[node].map_path:
            draft.release(node, "cleared")
            draft.move(node, TaskState.REMOVED, "waits to be expanded again")
    live.partial.pop(task, None)
    name = live.graph.tasks[task].task_id
    placeholder = live.key_node.get(TaskKey(name, UNMAPPED))
    if placeholder is None or live.tis[placeholder].state is TaskState.REMOVED:
        add_row(draft, task, UNMAPPED, ())
