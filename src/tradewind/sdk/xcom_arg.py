"""A task's output as an argument of another task, before either has run.

Calling a decorated function, or reading an operator's `output`, gives an `XComArg`. Passing it
to another task makes that one depend on the first; when it runs, the value is read through the
runtime and put in its place.

    plain      the value under one key; of a mapped task, the values of all its instances as a
               lazy sequence. Inside one mapped group a task sees the instances of its own
               element only (the server says which, `Assignment.upstream_indexes`).
    map        a function applied to each element, in the consumer's process
    zip        tuples of neighbouring elements
    concat     the elements of several, one after another
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from tradewind.errors import DagError
from tradewind.sdk import runtime, serde
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.edges import DependencyMixin
from tradewind.sdk.exceptions import XComNotFound
from tradewind.sdk.lazy_sequence import LazySequence
from tradewind.sdk.references import ResolveMixin
from tradewind.sdk.xcom import XCOM_RETURN_KEY
from tradewind.wire.messages import GetXComs

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator, SetupTeardownScope

_PAGE = 10_000
"""XComs read at once; the server's own limit."""

NOT_GIVEN: Any = object()
"""The fill value of a zip that was given none."""


class XComArg(ResolveMixin, DependencyMixin):
    """The output of a task that has not run yet. `XComArg(task, key)` makes a plain one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make a `PlainXComArg` where the base class itself is called."""
        del args, kwargs
        return super().__new__(PlainXComArg if cls is XComArg else cls)  # type: ignore[return-value]

    if TYPE_CHECKING:

        def __init__(self, operator: AbstractOperator, key: str = XCOM_RETURN_KEY) -> None: ...

    @property
    def roots(self) -> Sequence[AbstractOperator]:
        """The tasks that this comes from."""
        return list(dict.fromkeys(task for task, _ in self.iter_references()))

    @property
    def leaves(self) -> Sequence[AbstractOperator]:
        """The tasks that this comes from."""
        return self.roots

    def as_setup(self) -> Self:
        """Make the tasks behind this setup tasks."""
        for task in self.roots:
            task.as_setup()
        return self

    def as_teardown(
        self,
        *,
        setups: DependencyMixin | Iterable[DependencyMixin] | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Make the tasks behind this teardown tasks; see `BaseOperator.as_teardown`."""
        for task in self.roots:
            task.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        """Apply a function to each element; it may raise AirflowSkipException to leave one out."""
        return MapXComArg(self, [f])

    def zip(self, *others: XComArg, fillvalue: Any = NOT_GIVEN) -> ZipXComArg:
        """Make tuples with the elements of other outputs.

        Args:
            others: what to zip with.
            fillvalue: go on to the end of the longest with this in place of what is missing.
        """
        return ZipXComArg([self, *others], fillvalue=fillvalue)

    def concat(self, *others: XComArg) -> ConcatXComArg:
        """Append the elements of other outputs."""
        return ConcatXComArg([self, *others])

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        # It names a task; the copy of a name is the name.
        return self

    def __iter__(self) -> Iterator[Any]:
        raise ArgumentError(
            f"{self!r} is known only once its task has run, so the DAG file cannot loop over it; "
            "use .expand() to make a task for each element, or a key like output['name']"
        )

    def __enter__(self) -> SetupTeardownScope:
        """Start a block whose tasks run between these setups and teardowns."""
        scopes = [task.__enter__() for task in self.roots]
        if len(scopes) != 1:
            raise DagError(f"{self!r}: `with` needs the output of one setup or teardown task")
        return scopes[0]

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        for task in self.roots:
            task.__exit__(kind, value, traceback)


class PlainXComArg(XComArg):
    """What one task pushes under one key."""

    def __init__(self, operator: AbstractOperator, key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    def __getitem__(self, key: str) -> PlainXComArg:
        """Take one key of the output of a task with multiple_outputs."""
        given: Any = key
        if not isinstance(given, str):
            raise ArgumentError(
                f"{self!r}[{key!r}]: only a string key can be taken before the task has run; "
                "let the consumer index the value"
            )
        return PlainXComArg(self.operator, key)

    @property
    def is_setup(self) -> bool:
        """Whether the task is a setup."""
        return self.operator.is_setup

    @is_setup.setter
    def is_setup(self, value: bool) -> None:
        self.operator.is_setup = value

    @property
    def is_teardown(self) -> bool:
        """Whether the task is a teardown."""
        return self.operator.is_teardown

    @is_teardown.setter
    def is_teardown(self, value: bool) -> None:
        self.operator.is_teardown = value

    @property
    def on_failure_fail_dagrun(self) -> bool:
        """Whether the run fails with this teardown."""
        return self.operator.on_failure_fail_dagrun

    @on_failure_fail_dagrun.setter
    def on_failure_fail_dagrun(self, value: bool) -> None:
        self.operator.on_failure_fail_dagrun = value

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the task and the key."""
        yield self.operator, self.key

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Read the value.

        Raises:
            XComNotFound: the task pushed nothing under a key of the author's.
        """
        del include_xcom
        task_id, key = self.operator.task_id, self.key
        indexes = context["_tradewind"].assignment.upstream_indexes.get(task_id)
        if self._is_sequence_for(context["task"]):
            return LazyXComSequence(task_id, key, indexes)
        items = _read(task_id, key, indexes)
        if items:
            return serde.loads(items[0]["value"])
        if key == XCOM_RETURN_KEY or self.operator.multiple_outputs:
            return None
        raise XComNotFound(self.operator.dag_id, task_id, key)

    def _is_sequence_for(self, consumer: AbstractOperator) -> bool:
        """Tell whether the consumer may see more than one instance of the task."""
        if self.operator.is_mapped:
            return True
        shared = {group.group_id for group in consumer.iter_mapped_task_groups()}
        groups = self.operator.iter_mapped_task_groups()
        return any(group.group_id not in shared for group in groups)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlainXComArg):
            return NotImplemented
        return self.operator is other.operator and self.key == other.key

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def __str__(self) -> str:
        """Return a template expression that gives the value, for use inside other strings."""
        operator = self.operator
        dag = f", dag_id={operator.dag_id!r}" if operator.has_dag() else ""
        key = f", key={self.key!r}"
        return f"{{{{ task_instance.xcom_pull(task_ids={operator.task_id!r}{dag}{key}) }}}}"

    def __repr__(self) -> str:
        key = "" if self.key == XCOM_RETURN_KEY else f"[{self.key!r}]"
        return f"XComArg({self.operator.task_id}){key}"


class MapXComArg(XComArg):
    """An output with functions applied to each element."""

    def __init__(self, arg: XComArg, callables: Sequence[Callable[[Any], Any]]) -> None:
        given: Sequence[Any] = callables  # an author may have given anything
        for function in given:
            if not callable(function) or hasattr(function, "expand"):
                raise ArgumentError(
                    f"{arg!r}.map() takes a plain function, not {function!r:.60}; "
                    "to run a task for each element use .expand()"
                )
        self.arg = arg
        self.callables = list(callables)

    def map(self, f: Callable[[Any], Any]) -> MapXComArg:
        """Apply one more function."""
        return MapXComArg(self.arg, [*self.callables, f])

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks behind this."""
        yield from self.arg.iter_references()

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the elements, each computed when it is read."""
        del include_xcom
        values = elements(self.arg.resolve(context), repr(self))

        def get(index: int) -> Any:
            value = values[index]
            for function in self.callables:
                value = function(value)
            return value

        return LazySequence(len(values), get)

    def __repr__(self) -> str:
        names = (f".map({getattr(f, '__name__', '…')})" for f in self.callables)
        return f"{self.arg!r}{''.join(names)}"


class ZipXComArg(XComArg):
    """Tuples of the elements of several outputs."""

    def __init__(self, args: Sequence[XComArg], *, fillvalue: Any = NOT_GIVEN) -> None:
        self.args = _outputs("zip", args)
        self.fillvalue = fillvalue

    @property
    def to_longest(self) -> bool:
        """Whether a fill value was given."""
        return self.fillvalue is not NOT_GIVEN

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks behind this."""
        for arg in self.args:
            yield from arg.iter_references()

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the tuples, each made when it is read."""
        del include_xcom
        parts = [elements(arg.resolve(context), repr(self)) for arg in self.args]
        lengths = [len(part) for part in parts]

        def get(index: int) -> tuple[Any, ...]:
            return tuple(p[index] if index < len(p) else self.fillvalue for p in parts)

        return LazySequence(max(lengths) if self.to_longest else min(lengths), get)

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.zip({', '.join(map(repr, self.args[1:]))})"


class ConcatXComArg(XComArg):
    """The elements of several outputs, one after another."""

    def __init__(self, args: Sequence[XComArg]) -> None:
        self.args = _outputs("concat", args)

    def concat(self, *others: XComArg) -> ConcatXComArg:
        """Append more."""
        return ConcatXComArg([*self.args, *others])

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks behind this."""
        for arg in self.args:
            yield from arg.iter_references()

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the elements."""
        del include_xcom
        parts = [elements(arg.resolve(context), repr(self)) for arg in self.args]

        def get(index: int) -> Any:
            for part in parts:
                if index < len(part):
                    return part[index]
                index -= len(part)
            raise IndexError(index)

        return LazySequence(sum(map(len, parts)), get)

    def __repr__(self) -> str:
        return f"{self.args[0]!r}.concat({', '.join(map(repr, self.args[1:]))})"


class LazyXComSequence(LazySequence):
    """What the instances of a mapped task pushed: read at first use, each decoded when used.

    Args:
        task_id: the mapped task.
        key: the XCom's key.
        map_indexes: only these instances; None for all.
    """

    def __init__(self, task_id: str, key: str, map_indexes: tuple[int, ...] | None) -> None:
        self._task_id = task_id
        self._key = key
        self._map_indexes = map_indexes
        self._items: list[dict[str, Any]] | None = None
        super().__init__(None, self._value)

    def __len__(self) -> int:
        return len(self._load())

    def _value(self, index: int) -> Any:
        return serde.loads(self._load()[index]["value"])

    def _load(self) -> list[dict[str, Any]]:
        if self._items is None:
            self._items = _read(self._task_id, self._key, self._map_indexes)
        return self._items


def elements(value: Any, what: str) -> Sequence[Any]:
    """Return what a mapped value's elements are; of a dict, its (key, value) pairs.

    Raises:
        ArgumentError: the value is neither a list nor a dict.
    """
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    if isinstance(value, set | frozenset):
        return list(value)
    raise ArgumentError(f"{what} needs a list or a dict to go through, not {type(value).__name__}")


def _outputs(verb: str, args: Sequence[XComArg]) -> list[XComArg]:
    for arg in args:
        if not isinstance(arg, XComArg):
            raise ArgumentError(
                f"{args[0]!r}.{verb}() takes outputs of tasks, not {type(arg).__name__}"
            )
    return list(args)


def _read(task_id: str, key: str, map_indexes: tuple[int, ...] | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        call = GetXComs(
            key=key, task_ids=(task_id,), map_indexes=map_indexes, offset=len(found), limit=_PAGE
        )
        page: list[dict[str, Any]] = runtime.call(call)["items"]
        found += page
        if len(page) < _PAGE:
            return found
