"""@task_group."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, overload

from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.mapping import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    MappedArgument,
    check_sources,
)
from tradewind.sdk.signatures import Signature
from tradewind.sdk.taskgroup import MappedTaskGroup, TaskGroup

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG

P = ParamSpec("P")
R = TypeVar("R")


class TaskGroupArguments(TypedDict, total=False):
    """The arguments of `@task_group` beside the id, see `TaskGroup`."""

    prefix_group_id: bool
    parent_group: TaskGroup | None
    dag: DAG | None
    default_args: Mapping[str, Any] | None
    tooltip: str
    doc_md: str | None
    ui_color: str
    ui_fgcolor: str
    add_suffix_on_collision: bool
    group_display_name: str


class TaskGroupFunction(Generic[P, R]):
    """A function that makes a task group when it is called in a DAG."""

    def __init__(
        self,
        function: Callable[P, R],
        kwargs: Mapping[str, Any],
        constant: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self._constant = dict(constant or {})
        self._signature = Signature(function)
        self._kwargs = {
            "group_id": function.__name__,
            "add_suffix_on_collision": True,
            "tooltip": self._signature.docstring,
            **kwargs,
        }
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the group and return what the function returns, or else the group."""
        given = {**self._constant, **kwargs}
        self._signature.check_call(self._where, args, given)
        with TaskGroup(**self._kwargs) as group:
            returned = self.function(*args, **given)
        return group if returned is None else returned

    def override(
        self, *, group_id: str | None = None, **kwargs: Unpack[TaskGroupArguments]
    ) -> TaskGroupFunction[P, R]:
        """Return the same with other arguments of the group."""
        renamed = {"group_id": group_id} if group_id else {}
        return TaskGroupFunction(
            self.function, {**self._kwargs, **kwargs, **renamed}, self._constant
        )

    def partial(self, **kwargs: Any) -> TaskGroupFunction[P, R]:
        """Give the function's arguments that are the same for every element of `.expand()`."""
        self._signature.check_names(self._where, "partial", kwargs)
        return TaskGroupFunction(self.function, self._kwargs, {**self._constant, **kwargs})

    def expand(self, **mapped_kwargs: Any) -> Any:
        """Make an instance of the whole group for each element of these arguments."""
        check_sources(self._where, "expand", mapped_kwargs)
        self._signature.check_names(self._where, "expand", mapped_kwargs)
        for name in mapped_kwargs.keys() & self._constant.keys():
            raise ArgumentError(
                f"{self._where}: expand({name}=...): {name!r} is in partial() already"
            )
        return self._expand(DictOfListsExpandInput(mapped_kwargs), list(mapped_kwargs))

    def expand_kwargs(self, kwargs: Any) -> Any:
        """Make an instance of the whole group for each dict of arguments in a list."""
        check_sources(self._where, "expand_kwargs", {"": kwargs})
        if isinstance(kwargs, Mapping):
            raise ArgumentError(f"{self._where}: expand_kwargs() takes a list of dicts, not a dict")
        names = [name for name in self._signature.names if name not in self._constant]
        return self._expand(ListOfDictsExpandInput(kwargs), names)

    def _expand(self, source: ExpandInput, names: list[str]) -> Any:
        arguments = {name: MappedArgument(source, name) for name in names}
        given = {**self._constant, **arguments}
        self._signature.check_call(self._where, (), given)
        group = MappedTaskGroup(expand_input=source, **self._kwargs)
        for argument in arguments.values():
            argument.group = group
        with group:
            returned = self.function(**given)  # type: ignore[call-arg] # checked just above
        return group if returned is None else returned

    @property
    def _where(self) -> str:
        return f"task group {self._kwargs['group_id']!r}"

    def __repr__(self) -> str:
        return f"<@task_group {self._kwargs['group_id']!r}>"


@overload
def task_group(python_callable: Callable[P, R], /) -> TaskGroupFunction[P, R]: ...
@overload
def task_group(
    group_id: str | None = None, **kwargs: Unpack[TaskGroupArguments]
) -> Callable[[Callable[P, R]], TaskGroupFunction[P, R]]: ...
def task_group(group_id: Any = None, **kwargs: Any) -> Any:
    """Turn a function into a task group: the tasks that its body makes are in the group.

    Args:
        group_id: the group's id; by default the function's name.
        kwargs: the other arguments of `TaskGroup`.
    """
    if callable(group_id):
        return TaskGroupFunction(group_id, {})
    given = {**kwargs, "group_id": group_id} if group_id else kwargs
    return lambda function: TaskGroupFunction(function, given)
