"""Dependencies between tasks: `>>`, `<<`, `chain` and labels.

An edge always joins two tasks. A group or an `XComArg` on either side stands for its tasks:
its leaves where it comes first, its roots where it comes second, as they are at that moment.
Each task keeps the ids of its neighbours in two sets; a graph of a million edges is a few
hundred bytes a task and edge-free of objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, TypeVar, Union

from tradewind.errors import DagError

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator
    from tradewind.sdk.dag_definition import DAG

T = TypeVar("T", bound="Linkable")


class DependencyMixin:
    """Anything that can stand on a side of `>>`: a task, a task group, an `XComArg`, a label."""

    @property
    def roots(self) -> Sequence[AbstractOperator]:
        """The tasks that an edge into this leads to."""
        raise NotImplementedError

    @property
    def leaves(self) -> Sequence[AbstractOperator]:
        """The tasks that an edge out of this comes from."""
        raise NotImplementedError

    def set_upstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Make this depend on `other` (one or several); the same as `self << other`."""
        link(other, self, edge_modifier)

    def set_downstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Make `other` (one or several) depend on this; the same as `self >> other`."""
        link(self, other, edge_modifier)

    def __rshift__(self, other: T) -> T:
        """Make b depend on a: `a >> b`."""
        self.set_downstream(other)
        return other

    def __lshift__(self, other: T) -> T:
        """Make a depend on b: `a << b`."""
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Iterable[DependencyMixin]) -> Self:
        """Make c depend on a and b: `[a, b] >> c`."""
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Iterable[DependencyMixin]) -> Self:
        """Make a and b depend on c: `[a, b] << c`."""
        self.set_downstream(other)
        return self


Linkable = Union[DependencyMixin, Iterable[DependencyMixin]]  # noqa: UP007  used as a bound


class EdgeModifier(DependencyMixin):
    """A label between two sides: `a >> Label("yes") >> b`.

    It keeps both sides until they are complete, in whichever order they come.
    """

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence[AbstractOperator]:
        """The tasks behind the label."""
        return [task for node in self._downstream for task in node.roots]

    @property
    def leaves(self) -> Sequence[AbstractOperator]:
        """The tasks before the label."""
        return [task for node in self._upstream for task in node.leaves]

    def set_upstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Take the side before the label."""
        _refuse_label(edge_modifier)
        nodes = list(_nodes(other))
        self._upstream += nodes
        if self._downstream:
            link(nodes, self._downstream, self)

    def set_downstream(self, other: Linkable, edge_modifier: EdgeModifier | None = None) -> None:
        """Take the side behind the label."""
        _refuse_label(edge_modifier)
        nodes = list(_nodes(other))
        self._downstream += nodes
        if self._upstream:
            link(self._upstream, nodes, self)

    def __repr__(self) -> str:
        return f"Label({self.label!r})"


def Label(label: str) -> EdgeModifier:  # noqa: N802  Airflow's name
    """Return a text for an edge; it stands between two tasks in a `>>` chain."""
    return EdgeModifier(label)


def _refuse_label(modifier: EdgeModifier | None) -> None:
    if modifier is not None:
        raise DagError(f"{modifier!r}: an edge has one label, not two in a row")


def _nodes(side: Linkable) -> Iterator[DependencyMixin]:
    if isinstance(side, DependencyMixin):
        yield side
        return
    given: Any = side  # an author may have given anything
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        for node in given:
            if not isinstance(node, DependencyMixin):
                raise _not_a_task(node)
            yield node
        return
    raise _not_a_task(side)


def _not_a_task(value: object) -> DagError:
    return DagError(
        f"a dependency joins tasks and task groups, not {type(value).__name__} ({value!r:.60}); "
        "is a decorated function named without calling it?"
    )


def link(upstream: Linkable, downstream: Linkable, modifier: EdgeModifier | None = None) -> None:
    """Make every root of `downstream` depend on every leaf of `upstream`.

    Raises:
        DagError: a side is no task, no side is in a DAG, or they are in different ones.
    """
    before, after = list(_nodes(upstream)), list(_nodes(downstream))
    labels = [node for node in (*before, *after) if isinstance(node, EdgeModifier)]
    if labels:
        _refuse_label(modifier)
        _link_labels(before, after)
        return
    ups = [task for node in before for task in node.leaves]
    downs = [task for node in after for task in node.roots]
    if not ups or not downs:
        return
    dag = _common_dag(ups, downs)
    for task in (*ups, *downs):
        if not task.has_dag():
            task.dag = dag
    up_ids = [task.task_id for task in ups]
    for down in downs:
        down.upstream_task_ids.update(up_ids)
    down_ids = [task.task_id for task in downs]
    for up in ups:
        up.downstream_task_ids.update(down_ids)
    if modifier is not None and modifier.label is not None:
        for up_id in up_ids:
            for down_id in down_ids:
                dag.set_edge_info(up_id, down_id, {"label": modifier.label})


def _link_labels(before: list[DependencyMixin], after: list[DependencyMixin]) -> None:
    for node in after:
        if isinstance(node, EdgeModifier):
            node.set_upstream(before)
        else:
            for label in before:
                label.set_downstream(node)


def _common_dag(ups: list[AbstractOperator], downs: list[AbstractOperator]) -> DAG:
    found: DAG | None = None
    for task in (*ups, *downs):
        if not task.has_dag() or task.dag is found:
            continue
        if found is not None:
            raise DagError(
                f"tasks {ups[0].task_id!r} and {downs[0].task_id!r} are in different DAGs "
                f"({found.dag_id!r} and {task.dag.dag_id!r}); a dependency between DAGs is "
                "made with an asset, TriggerDagRunOperator or ExternalTaskSensor"
            )
        found = task.dag
    if found is None:
        raise DagError(
            f"tasks {ups[0].task_id!r} and {downs[0].task_id!r} are in no DAG yet; make one of "
            "them inside `with DAG(...):` or pass it dag="
        )
    return found


def chain(*tasks: Linkable) -> None:
    """Make each argument depend on the one before; neighbouring lists are joined pairwise.

    Example:
        chain(a, [b, c], [d, e], f) is a >> b >> d >> f and a >> c >> e >> f.

    Raises:
        DagError: two neighbouring lists have different lengths.
    """
    for before, after in pairwise(_listed(tasks)):
        if isinstance(before, DependencyMixin) or isinstance(after, DependencyMixin):
            link(before, after)
            continue
        if len(before) != len(after):
            raise DagError(
                f"chain() joins neighbouring lists pairwise, but these have {len(before)} and "
                f"{len(after)} elements; use cross_downstream() or chain_linear() to join each "
                "with each"
            )
        for one, other in zip(before, after, strict=True):
            link(one, other)


def chain_linear(*elements: Linkable) -> None:
    """Make each argument depend on the one before; of lists, each element on each.

    Raises:
        DagError: there are fewer than two non-empty arguments.
    """
    sides = [side for side in _listed(elements) if isinstance(side, DependencyMixin) or side]
    if len(sides) <= 1:
        raise DagError("chain_linear() needs at least two arguments that are not empty")
    for before, after in pairwise(sides):
        link(before, after)


def cross_downstream(from_tasks: Linkable, to_tasks: Linkable) -> None:
    """Make each of `to_tasks` depend on each of `from_tasks`."""
    link(from_tasks, to_tasks)


def _listed(sides: Iterable[Linkable]) -> list[DependencyMixin | list[DependencyMixin]]:
    """Return the sides with every iterable as a list, so that it can be read twice."""
    return [side if isinstance(side, DependencyMixin) else list(_nodes(side)) for side in sides]
