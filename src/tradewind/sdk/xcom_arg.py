"""A task's output, as an argument of another task: resolved when that one runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from tradewind.errors import DagError
from tradewind.sdk import runtime, serde
from tradewind.sdk.edges import Linkable
from tradewind.wire.messages import GetXComs

if TYPE_CHECKING:
    from tradewind.sdk.operator import BaseOperator

RETURN_VALUE = "return_value"
_MISSING = object()


class XComArg(Linkable):
    """What a task will have pushed."""

    def tasks(self) -> Iterator[BaseOperator]:
        """Yield the tasks that this comes from."""
        raise NotImplementedError

    def resolve(self, context: Any) -> Any:
        """Return the value, in the process of the task that takes it."""
        raise NotImplementedError

    def map(self, function: Callable[[Any], Any]) -> XComArg:
        """Return this with a function applied to each element, where it is consumed."""
        return MapXComArg(self, function)

    def zip(self, *others: XComArg, fillvalue: Any = _MISSING) -> XComArg:
        """Return tuples of elements, as long as the shortest (or, filled, the longest)."""
        return ZipXComArg((self, *others), fillvalue)

    def concat(self, *others: XComArg) -> XComArg:
        """Return the elements of all, one after another."""
        return ConcatXComArg((self, *others))

    def upstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks behind this."""
        return list(self.tasks())

    def downstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks behind this."""
        return list(self.tasks())

    @property
    def roots(self) -> list[BaseOperator]:
        """Return the tasks behind this."""
        return list(self.tasks())


class PlainXComArg(XComArg):
    """One key of a task's output."""

    def __init__(self, operator: BaseOperator, key: str = RETURN_VALUE) -> None:
        self.operator = operator
        self.key = key

    def tasks(self) -> Iterator[BaseOperator]:
        """Yield the task."""
        yield self.operator

    def __getitem__(self, key: str) -> XComArg:
        """Return another key of the same task's output."""
        if not isinstance(key, str):
            raise DagError(
                f"{self.operator.task_id!r}: its output is known only when it has run; index it "
                f"with a string key (multiple_outputs), not {key!r}"
            )
        return PlainXComArg(self.operator, key)

    def __iter__(self) -> Iterator[Any]:
        """Refuse: the value is not known while the DAG file is read."""
        raise DagError(
            f"{self.operator.task_id!r}: its output is known only when it has run and cannot be "
            "iterated over in the DAG file; use .expand() to map over it"
        )

    def __str__(self) -> str:
        """Return the template that pulls this."""
        task_id = self.operator.task_id
        dag_id = self.operator.dag.dag_id if self.operator.dag else ""
        text = f"task_instance.xcom_pull(task_ids='{task_id}', dag_id='{dag_id}', key='{self.key}')"
        return "{{ " + text + " }}"

    def resolve(self, context: Any) -> Any:
        """Return the value; of a mapped task, the list of its instances' values."""
        assignment = context["_tradewind"].assignment
        task_id = self.operator.task_id
        indexes = assignment.upstream_indexes.get(task_id)
        items = _pull(task_id, self.key, indexes)
        if self.operator.is_mapped and indexes is None:
            return [serde.loads(item["value"]) for item in items]
        if indexes is not None and len(indexes) > 1:
            return [serde.loads(item["value"]) for item in items]
        if items:
            return serde.loads(items[0]["value"])
        return None


def _pull(task_id: str, key: str, indexes: tuple[int, ...] | None) -> list[dict[str, Any]]:
    current = runtime.current()
    if current is None:
        raise DagError("an output can be read only while a task runs")
    reply = current.call(GetXComs(key=key, task_ids=(task_id,), map_indexes=indexes))
    items: list[dict[str, Any]] = reply["items"]
    return items


class MapXComArg(XComArg):
    """Another output with a function applied to each element."""

    def __init__(self, arg: XComArg, function: Callable[[Any], Any]) -> None:
        self.arg = arg
        self.function = function

    def tasks(self) -> Iterator[BaseOperator]:
        """Yield the tasks behind this."""
        return self.arg.tasks()

    def resolve(self, context: Any) -> Any:
        """Return the mapped elements."""
        value = self.arg.resolve(context)
        items = value.items() if isinstance(value, dict) else value
        return [self.function(item) for item in items]


class ZipXComArg(XComArg):
    """Several outputs side by side."""

    def __init__(self, args: Sequence[XComArg], fillvalue: Any = _MISSING) -> None:
        self.args = tuple(args)
        self.fillvalue = fillvalue

    @property
    def longest(self) -> bool:
        """Tell whether shorter parts are filled."""
        return self.fillvalue is not _MISSING

    def tasks(self) -> Iterator[BaseOperator]:
        """Yield the tasks behind this."""
        for arg in self.args:
            yield from arg.tasks()

    def resolve(self, context: Any) -> Any:
        """Return the tuples."""
        values = [arg.resolve(context) for arg in self.args]
        if self.longest:
            return list(zip_longest(*values, fillvalue=self.fillvalue))
        return list(zip(*values, strict=False))


class ConcatXComArg(XComArg):
    """Several outputs one after another."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        self.args = tuple(args)

    def tasks(self) -> Iterator[BaseOperator]:
        """Yield the tasks behind this."""
        for arg in self.args:
            yield from arg.tasks()

    def resolve(self, context: Any) -> Any:
        """Return all elements."""
        return [item for arg in self.args for item in arg.resolve(context)]


def find_args(value: Any) -> Iterator[XComArg]:
    """Yield the outputs inside a value, in lists, tuples, sets and dicts too."""
    if isinstance(value, XComArg):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_args(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from find_args(item)


def resolve_in(value: Any, context: Any) -> Any:
    """Return the value with the outputs inside it resolved."""
    if isinstance(value, XComArg):
        return value.resolve(context)
    if isinstance(value, dict):
        return {k: resolve_in(v, context) for k, v in value.items()}
    if isinstance(value, list):
        return [resolve_in(v, context) for v in value]
    if type(value) in {tuple, set, frozenset}:
        return type(value)(resolve_in(v, context) for v in value)
    return value
