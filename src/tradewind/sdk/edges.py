"""Dependencies: `>>`, `<<`, chain and cross_downstream, labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tradewind.errors import DagError

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator


class Linkable:
    """Something that can stand beside `>>`: a task, a group, a task's output."""

    def upstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks that depend on what stands to the left."""
        raise NotImplementedError

    def downstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks that what stands to the right depends on."""
        raise NotImplementedError

    def set_downstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        """Let these come before those."""
        for right in _all(other):
            link(self, right, edge_modifier)

    def set_upstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        """Let those come before these."""
        for left in _all(other):
            link(left, self, edge_modifier)

    def __rshift__(self, other: Any) -> Any:
        """Write `self >> other`."""
        if isinstance(other, EdgeModifier):
            return other.after(self)
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:
        """Write `self << other`."""
        if isinstance(other, EdgeModifier):
            return other.before(self)
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:
        """Write `[a, b] >> self`."""
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:
        """Write `[a, b] << self`."""
        self.set_downstream(other)
        return self


class EdgeModifier:
    """A label on its way onto an edge: `a >> Label("yes") >> b`."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._left: list[Linkable] = []
        self._right: list[Linkable] = []

    def after(self, left: Linkable) -> EdgeModifier:
        """Remember what stands to the left."""
        self._left = [left]
        return self

    def before(self, right: Linkable) -> EdgeModifier:
        """Remember what stands to the right."""
        self._right = [right]
        return self

    def __rshift__(self, other: Any) -> Any:
        """Label the edges to what follows."""
        for left in self._left:
            left.set_downstream(other, self)
        return other

    def __lshift__(self, other: Any) -> Any:
        """Label the edges from what follows."""
        for right in self._right:
            right.set_upstream(other, self)
        return other

    def __rrshift__(self, other: Any) -> EdgeModifier:
        """Take a list on the left."""
        self._left = _all(other)
        return self


def Label(label: str) -> EdgeModifier:  # noqa: N802  Airflow's name
    """Return a label for an edge."""
    return EdgeModifier(label)


def link(left: Linkable, right: Linkable, modifier: EdgeModifier | None = None) -> None:
    """Make every end of `left` an upstream of every start of `right`."""
    for up in left.downstream_ends():
        for down in right.upstream_ends():
            up.link_to(down, modifier.label if modifier else None)


def chain(*tasks: Any) -> None:
    """Link each to the next; two neighbouring lists of equal length pair by pair.

    Raises:
        DagError: neighbouring lists have different lengths.
    """
    for left, right in pairwise(tasks):
        if isinstance(left, Linkable) or isinstance(right, Linkable):
            for one in _all(left):
                one.set_downstream(right)
        elif len(left) != len(right):
            raise DagError(
                f"chain: neighbouring lists must be equally long, not {len(left)} and {len(right)};"
                " use cross_downstream to link all with all"
            )
        else:
            for one, other in zip(left, right, strict=True):
                one.set_downstream(other)


def chain_linear(*tasks: Any) -> None:
    """Link every one of each to every one of the next."""
    for left, right in pairwise(tasks):
        cross_downstream(_all(left), _all(right))


def cross_downstream(from_tasks: Sequence[Linkable], to_tasks: Any) -> None:
    """Link each of the first to all of the second."""
    for task in from_tasks:
        task.set_downstream(to_tasks)


def _all(value: Any) -> list[Linkable]:
    if isinstance(value, Linkable):
        return [value]
    if isinstance(value, list | tuple | set):
        return [one for item in value for one in _all(item)]
    raise DagError(f"a dependency is a task, a task group or a list of them, not {value!r}")
