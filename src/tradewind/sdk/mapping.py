"""Mapped tasks: one task in the DAG file, one instance for each element at run time.

    Operator.partial(same=1).expand(x=[1, 2], y=task.output)     the cross product, y fastest
    Operator.partial(same=1).expand_kwargs([{"x": 1}, {"x": 2}])  one instance for each dict

`MappedOperator` stands in the DAG. It has the scheduling arguments and knows what it is
expanded over; the operator itself is made by `unmap` in the worker, from the arguments of one
element. The server says which element: `Assignment.map_levels` has one level for each mapped
group around the task, outermost first, and one for the task's own expansion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.errors import DagError
from tradewind.sdk import renamed, scope
from tradewind.sdk.abstract_operator import AbstractOperator
from tradewind.sdk.arguments import (
    OPERATOR_ARGUMENTS,
    ArgumentError,
    check_key,
    checked,
    set_arguments,
    unknown_arguments,
)
from tradewind.sdk.construction import (
    Construction,
    accepted_arguments,
    build_unattached,
    surroundings,
)
from tradewind.sdk.params import ParamsDict
from tradewind.sdk.references import ResolveMixin, iter_references, resolve_value
from tradewind.sdk.xcom import XCOM_RETURN_KEY
from tradewind.sdk.xcom_arg import PlainXComArg, XComArg, elements

if TYPE_CHECKING:
    from tradewind.sdk.taskgroup import MappedTaskGroup
    from tradewind.wire.messages import MapLevel

_NOT_COPIED = frozenset({"task_id", "dag", "task_group", "default_args", "params"})


class ExpandInput:
    """What a task or group is expanded over: named sources of elements."""

    sources: Mapping[str, Any]
    """The mapped arguments in order; `expand_kwargs` has one, named ""."""

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks whose outputs are gone through."""
        for value in self.sources.values():
            for task in iter_references(value):
                yield task, XCOM_RETURN_KEY

    def resolve(self, context: Mapping[str, Any], level: MapLevel) -> dict[str, Any]:
        """Return the arguments of one element."""
        raise NotImplementedError


class DictOfListsExpandInput(ExpandInput):
    """`expand(a=..., b=...)`: every combination, the last argument varying fastest."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.sources = dict(value)

    def resolve(self, context: Mapping[str, Any], level: MapLevel) -> dict[str, Any]:
        """Return the arguments of one combination."""
        index = level.index
        found: dict[str, Any] = {}
        for name in reversed(list(self.sources)):
            index, position = divmod(index, max(1, level.lengths[name]))
            found[name] = _element(self.sources[name], position, context, name)
        return {name: found[name] for name in self.sources}


class ListOfDictsExpandInput(ExpandInput):
    """`expand_kwargs(dicts)`: one instance for each dict."""

    def __init__(self, value: Sequence[Any] | XComArg) -> None:
        self.sources = {"": value}

    def resolve(self, context: Mapping[str, Any], level: MapLevel) -> dict[str, Any]:
        """Return one dict."""
        found = _element(self.sources[""], level.index, context, "expand_kwargs")
        if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
            raise DagError(
                f"expand_kwargs() needs a list of dicts with string keys; element {level.index} "
                f"is {found!r:.80}"
            )
        return dict(found)


def _element(source: Any, position: int, context: Mapping[str, Any], name: str) -> Any:
    if isinstance(source, ResolveMixin):
        source = source.resolve(context)
    found = elements(source, name)
    if position >= len(found):
        raise DagError(
            f"{name!r} has {len(found)} elements now, but had more when the task was expanded; "
            "clear the task that makes it together with this one"
        )
    return resolve_value(found[position], context)


def level_of(context: Mapping[str, Any], group_id: str | None) -> MapLevel:
    """Return which element of a mapped group (or, for None, of the task itself) this is."""
    levels: tuple[MapLevel, ...] = context["_tradewind"].assignment.map_levels
    for level in levels:
        if level.group_id == group_id:
            return level
    what = f"group {group_id!r}" if group_id is not None else "the task"
    raise DagError(f"{what} is mapped, but the server did not say which element this is")


class MappedArgument(ResolveMixin):
    """A parameter of a mapped `@task_group` function: in each instance, its element."""

    def __init__(self, expand_input: ExpandInput, key: str) -> None:
        self._input = expand_input
        self._key = key
        self.group: MappedTaskGroup | None = None
        """Set by the group once it is made."""

    def iter_references(self) -> Iterator[tuple[AbstractOperator, str]]:
        """Yield the tasks whose outputs the group is expanded over."""
        yield from self._input.iter_references()

    def resolve(self, context: Mapping[str, Any], *, include_xcom: bool = True) -> Any:
        """Return the element of this instance."""
        del include_xcom
        group_id = self.group.group_id if self.group is not None else None
        found = self._input.resolve(context, level_of(context, group_id))
        try:
            return found[self._key]
        except KeyError:
            raise DagError(
                f"group {group_id!r} is expanded over a dict without the key {self._key!r}"
            ) from None

    def __repr__(self) -> str:
        return f"MappedArgument({self._key!r})"


# ---- making them ------------------------------------------------------------------------


def check_sources(where: str, verb: str, mapped: Mapping[str, Any]) -> None:
    """Check what is given to `expand`.

    Raises:
        ArgumentError: nothing is given, or something that has no elements.
    """
    if not mapped:
        raise ArgumentError(
            f"{where}: {verb}() needs at least one argument to go through; "
            "call the task without it if there is none"
        )
    for name, value in mapped.items():
        argument = f"{verb}({name}=...)" if name else f"{verb}()"
        if isinstance(value, MappedArgument):
            raise ArgumentError(
                f"{where}: {argument}: an element of a mapped group has no length before it runs; "
                "let a task in the group return the list, and expand over its output"
            )
        if isinstance(value, XComArg):
            _check_return_value(where, argument, value)
        elif not isinstance(value, Mapping | Sequence) or isinstance(value, str | bytes):
            raise ArgumentError(
                f"{where}: {argument} takes a list, a dict or the output of a task, "
                f"not {type(value).__name__} ({value!r:.60})"
            )


def _check_return_value(where: str, argument: str, value: XComArg) -> None:
    plain: list[XComArg] = [value]
    while plain:
        arg = plain.pop()
        if isinstance(arg, PlainXComArg):
            if arg.key != XCOM_RETURN_KEY:
                raise ArgumentError(
                    f"{where}: {argument} goes through what a task returns, "
                    f"not through its key {arg.key!r}"
                )
        else:
            plain += getattr(arg, "args", None) or [arg.arg]  # type: ignore[attr-defined]


class OperatorPartial:
    """`Operator.partial(...)`: the arguments that all elements share."""

    def __init__(self, operator_class: type[Any], kwargs: Mapping[str, Any]) -> None:
        self.operator_class = operator_class
        self.kwargs = dict(kwargs)
        self.construction = surroundings(self.kwargs)
        dag = self.construction.dag
        prefix = f"DAG {dag.dag_id!r}, " if dag is not None else ""
        self.where = f"{prefix}task {self.kwargs.get('task_id', '?')!r}"
        known = accepted_arguments(operator_class)
        if renamed.OF_OPERATORS.keys() & self.kwargs.keys():
            self.kwargs = renamed.operator_arguments(self.where, self.kwargs, known)
        unknown = self.kwargs.keys() - known
        if unknown:
            where = f"{self.where}: {operator_class.__name__}.partial()"
            raise unknown_arguments(where, unknown, known)
        if dag is not None:
            dag.open_partials.append(self)

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """Make an instance for every combination of the elements of these arguments.

        Raises:
            ArgumentError: an argument is unknown, given twice, about scheduling, or no list.
        """
        check_sources(self.where, "expand", mapped_kwargs)
        known = accepted_arguments(self.operator_class)
        unknown = mapped_kwargs.keys() - known
        if unknown:
            where = f"{self.where}: {self.operator_class.__name__}.expand()"
            raise unknown_arguments(where, unknown, known)
        self._refuse(mapped_kwargs.keys() & OPERATOR_ARGUMENTS, "is the same for all elements")
        self._refuse(mapped_kwargs.keys() & self.kwargs.keys(), "is in partial() already")
        return self._make(DictOfListsExpandInput(mapped_kwargs))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """Make an instance for each dict of arguments in a list.

        Args:
            kwargs: a list of dicts, or an output that is one.
            strict: refuse a dict that has an argument of `partial()`.
        """
        check_sources(self.where, "expand_kwargs", {"": kwargs})
        if isinstance(kwargs, Mapping):
            raise ArgumentError(
                f"{self.where}: expand_kwargs() takes a list of dicts, not one dict; "
                "use expand(**...) to go through the dict's values"
            )
        return self._make(ListOfDictsExpandInput(kwargs), strict=strict)

    def _refuse(self, names: set[str], why: str) -> None:
        if names:
            name = min(names)
            raise ArgumentError(f"{self.where}: expand({name}=...): {name!r} {why}")

    def _make(self, expand_input: ExpandInput, *, strict: bool = True) -> MappedOperator:
        dag = self.construction.dag
        if dag is not None and self in dag.open_partials:
            dag.open_partials.remove(self)
        return MappedOperator(
            self.operator_class, self.kwargs, expand_input, self.construction, strict=strict
        )


class MappedOperator(AbstractOperator):
    """A task that is expanded: in the DAG for all its instances."""

    is_mapped: ClassVar[bool] = True

    def __init__(
        self,
        operator_class: type[Any],
        partial_kwargs: Mapping[str, Any],
        expand_input: ExpandInput,
        construction: Construction,
        *,
        strict: bool = True,
    ) -> None:
        object.__setattr__(self, "_constructing", construction)
        dag, group = construction.dag, construction.group
        task_id = partial_kwargs["task_id"]
        where = f"DAG {dag.dag_id!r}, task {task_id!r}" if dag is not None else f"task {task_id!r}"
        checked(lambda value: check_key("task_id", value), where, "task_id", task_id)
        self.operator_class = operator_class
        self.partial_kwargs = dict(partial_kwargs)
        self.task_id = group.child_id(task_id) if group is not None else task_id
        self.upstream_task_ids = set()
        self.downstream_task_ids = set()
        self.inlets = []
        self.outlets = []
        self.params = ParamsDict(partial_kwargs.get("params"))
        self._expand_input = expand_input
        self._strict = strict
        self._default_args = construction.default_args
        self._take_class_attributes()
        given = {**construction.default_args, **partial_kwargs}
        set_arguments(self, where, {k: v for k, v in given.items() if k in OPERATOR_ARGUMENTS})
        if dag is not None:
            dag.add_task(self, group)
        scope.made(self)
        object.__delattr__(self, "_constructing")
        for task, _ in expand_input.iter_references():
            self.set_upstream(task)
        self.depend_on_references(self._own_arguments())

    def _take_class_attributes(self) -> None:
        """Let the class of operators say what it is, and its own defaults."""
        for cls in reversed(self.operator_class.__mro__):
            if cls in AbstractOperator.__mro__:
                continue
            for name in vars(cls).keys() & _CLASS_ATTRIBUTES:
                value = vars(cls)[name]
                if not callable(value) and not isinstance(value, property):
                    object.__setattr__(self, name, value)

    def _own_arguments(self) -> dict[str, Any]:
        """Return the partial arguments that are not about scheduling."""
        return {k: v for k, v in self.partial_kwargs.items() if k not in OPERATOR_ARGUMENTS}

    @property
    def expand_input(self) -> ExpandInput:
        """What the task is expanded over."""
        return self._expand_input

    @property
    def task_type(self) -> str:
        """The name of the operator's class."""
        return self.operator_class.__name__

    @property
    def operator_name(self) -> str:
        """The name of the operator as people know it."""
        return getattr(self.operator_class, "custom_operator_name", None) or self.task_type

    def element_arguments(self, resolved: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operator's own arguments for one element."""
        own = self._own_arguments()
        twice = own.keys() & resolved.keys()
        if twice and self._strict:
            raise ArgumentError(
                f"{self.described}: {min(twice)!r} is in partial() and in the element as well"
            )
        return {**own, **resolved}

    def resolve_expand(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Return the mapped arguments of the instance that runs."""
        return self._expand_input.resolve(context, level_of(context, None))

    def data_among(self, resolved: Mapping[str, Any]) -> list[Any]:
        """Return those of the resolved arguments that other tasks made: they are no templates."""
        sources = self._expand_input.sources
        if "" in sources:
            return list(resolved.values()) if isinstance(sources[""], ResolveMixin) else []
        return [v for k, v in resolved.items() if isinstance(sources.get(k), ResolveMixin)]

    def unmap(self, resolve: Mapping[str, Any] | None = None) -> Any:
        """Return the operator for one element.

        Args:
            resolve: the element's arguments, from `resolve_expand`.
        """
        scheduling = {
            name: value
            for name, value in self.partial_kwargs.items()
            if name in OPERATOR_ARGUMENTS and name not in {"task_id", "dag", "task_group"}
        }
        arguments = self.element_arguments(resolve or {})
        task = build_unattached(
            self.operator_class,
            self._default_args,
            {**scheduling, **arguments, "task_id": self.partial_kwargs["task_id"]},
        )
        for name in _KEPT & self.__dict__.keys():
            object.__setattr__(task, name, self.__dict__[name])
        object.__setattr__(task, "_is_locked", True)
        return task

    def __repr__(self) -> str:
        return f"<Mapped({self.task_type}): {self.task_id}>"


_ABOUT_A_CLASS = frozenset(
    {
        "template_fields",
        "template_ext",
        "template_fields_renderers",
        "operator_extra_links",
        "ui_color",
        "ui_fgcolor",
        "inherits_from_empty_operator",
        "inherits_from_skipmixin",
        "start_trigger_args",
        "start_from_trigger",
    }
)
_CLASS_ATTRIBUTES = _ABOUT_A_CLASS | (OPERATOR_ARGUMENTS - _NOT_COPIED)
_KEPT = (OPERATOR_ARGUMENTS - _NOT_COPIED) | {
    "task_id",
    "params",
    "upstream_task_ids",
    "downstream_task_ids",
    "is_setup",
    "is_teardown",
    "on_failure_fail_dagrun",
    "_dag",
    "_task_group",
    "_task_display_name",
    "_pre_execute_hook",
    "_post_execute_hook",
}
"""What an unmapped operator takes over from the task in the DAG."""
