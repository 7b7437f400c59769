"""How long a mapping is: what its sources returned, so far as that is known."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from tradewind.engine import rules
from tradewind.engine.graph import Scope
from tradewind.model.spec import MapConcat, MapLiteral, MapSource, MapXCom, MapZip
from tradewind.model.state import TaskState

if TYPE_CHECKING:
    from tradewind.engine.live import LiveRun

Path = tuple[int, ...]


class Unknown:
    """A length that is not known: `state` is what it makes of the stub, None: wait."""

    __slots__ = ("reason", "state")

    def __init__(self, state: TaskState | None, reason: str) -> None:
        self.state = state
        self.reason = reason


Length = int | Unknown

_BECOMES: dict[int, tuple[TaskState | None, str]] = {
    rules.PENDING: (None, "waits for {!r}, which it maps over"),
    rules.SKIPPED: (TaskState.SKIPPED, "{!r}, which it maps over, was skipped"),
    rules.FAILED: (TaskState.UPSTREAM_FAILED, "{!r}, which it maps over, failed"),
    rules.UPSTREAM_FAILED: (TaskState.UPSTREAM_FAILED, "{!r}, which it maps over, failed"),
}
"""What a source that did not succeed makes of the stub."""


def lengths(
    live: LiveRun, scope: Scope, prefix: Path, limit: int | None
) -> dict[str, int] | Unknown:
    """Return the length of each mapped argument of a scope below an outer path."""
    found: dict[str, int] = {}
    worst: Unknown | None = None
    for name, source in scope.expand.sources:
        length = _length(live, scope, source, prefix, limit)
        if isinstance(length, int):
            found[name] = length
        elif worst is None or _gravity(length) > _gravity(worst):
            worst = length
    return found if worst is None else worst


def _gravity(unknown: Unknown) -> int:
    order = (None, TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.FAILED)
    return order.index(unknown.state)


def _length(
    live: LiveRun, scope: Scope, source: MapSource, prefix: Path, limit: int | None
) -> Length:
    if isinstance(source, MapLiteral):
        return source.length
    if isinstance(source, MapXCom):
        return _xcom_length(live, source.task, prefix[: scope.depths[source.task]], limit)
    parts: list[int] = []
    worst: Unknown | None = None
    for part in source.parts:
        length = _length(live, scope, part, prefix, limit)
        if isinstance(length, int):
            parts.append(length)
        elif worst is None or _gravity(length) > _gravity(worst):
            worst = length
    if worst is not None:
        return worst
    if isinstance(source, MapConcat):
        return sum(parts)
    assert isinstance(source, MapZip)
    return max(parts) if source.longest else min(parts)


def _xcom_length(live: LiveRun, task: int, prefix: Path, limit: int | None) -> Length:
    name = live.graph.tasks[task].task_id
    nodes = live.relevant(task, prefix)
    if not nodes:
        return Unknown(TaskState.SKIPPED, f"{name!r}, which it maps over, has no instance")
    if len(nodes) > 1 or (live.graph.depth(task) > len(prefix) and not live.scope_of(nodes[0])):
        if any(live.cats[node] == rules.PENDING for node in nodes):
            return Unknown(None, f"waits for all instances of {name!r}, which it maps over")
        return sum(live.tis[node].returned for node in nodes)
    category = live.cats[nodes[0]]
    if category != rules.SUCCESS:
        state, text = _BECOMES[category]
        return Unknown(state, text.format(name))
    length = live.tis[nodes[0]].mapped_length
    if length is None:
        return Unknown(
            TaskState.UPSTREAM_FAILED,
            f"{name!r} has no value to map over (it was marked success); clear it to run it",
        )
    if limit is not None and length > limit:
        return Unknown(
            TaskState.FAILED,
            f"{name!r} returned {length} values to map over, more than "
            f"core.max_map_length = {limit}; raise that, or map over fewer",
        )
    return length


def literal_width(scope: Scope) -> int:
    """Return how many combinations a scope has whose sources are all literals, else 0."""
    if scope.depths:
        return 0
    return prod(_literal(source) for _, source in scope.expand.sources)


def _literal(source: MapSource) -> int:
    if isinstance(source, MapLiteral):
        return source.length
    assert isinstance(source, MapZip | MapConcat)
    parts = [_literal(part) for part in source.parts]
    if isinstance(source, MapConcat):
        return sum(parts)
    return max(parts) if source.longest else min(parts)
