"""How an operator is made: keyword arguments, `default_args`, the DAG and group around it.

What Airflow's authors rely on, and how it is done here:

* Arguments are given by keyword. The metaclass wraps each class's `__init__`, so that an
  argument that is not given is taken from `default_args` by its parameter's name, at every
  level of the class hierarchy: of the task, else of the group, else of the DAG.
* The outermost wrapper opens a `Construction` on the instance; the levels below find the
  defaults there. When it closes, the template fields are searched for outputs of other tasks,
  which become upstream.
* The DAG and the group come from the arguments, or from the `with` blocks that are open.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABCMeta
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tradewind.sdk import renamed, scope
from tradewind.sdk.arguments import OPERATOR_ARGUMENTS, ArgumentError, did_you_mean

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.taskgroup import TaskGroup

Made = TypeVar("Made")


class Construction(NamedTuple):
    """What is known while an operator's `__init__` runs."""

    dag: DAG | None
    group: TaskGroup | None
    default_args: Mapping[str, Any]
    attach: bool


class Parameters(NamedTuple):
    """The parameters of one class's `__init__`."""

    names: frozenset[str]
    required: frozenset[str]
    open_ended: bool


class OperatorMeta(ABCMeta):
    """Make `default_args` and keyword-only arguments work in each class of operators."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> OperatorMeta:
        """Make the class, its own `__init__` wrapped."""
        init = namespace.get("__init__")
        if init is not None:
            namespace["__init__"] = _with_default_args(init)
        return super().__new__(mcs, name, bases, namespace, **kwargs)


def _with_default_args(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if args:
            raise ArgumentError(
                f"{describe(self, kwargs)}: give the arguments by keyword, "
                f"like {type(self).__name__}(task_id={args[0]!r:.40}, ...)"
            )
        construction: Construction | None = self._constructing
        if construction is not None:
            _fill_in(self, init, kwargs, construction.default_args)
            init(self, **kwargs)
            return
        if renamed.OF_OPERATORS.keys() & kwargs.keys():
            kwargs = renamed.operator_arguments(
                describe(self, kwargs), kwargs, accepted_arguments(type(self))
            )
        construction = surroundings(kwargs)
        object.__setattr__(self, "_constructing", construction)
        _fill_in(self, init, kwargs, construction.default_args)
        init(self, **kwargs)
        object.__delattr__(self, "_constructing")
        self.finish_construction(kwargs)

    return __init__


def _fill_in(
    task: Any, init: Callable[..., None], kwargs: dict[str, Any], defaults: Mapping[str, Any]
) -> None:
    parameters = parameters_of(init)
    if defaults:
        for name in defaults.keys() & parameters.names:
            kwargs.setdefault(name, defaults[name])
    if not parameters.required <= kwargs.keys():
        missing = sorted(parameters.required - kwargs.keys())
        names = ", ".join(repr(name) for name in missing)
        raise ArgumentError(
            f"{describe(task, kwargs)}: {type(task).__name__} needs "
            f"the argument{'s' if len(missing) > 1 else ''} {names}{_misspelt(task, kwargs)}"
        )


def _misspelt(task: Any, kwargs: Mapping[str, Any]) -> str:
    """Return what to say about arguments that nothing takes: what is missing is among them."""
    known = accepted_arguments(type(task)) | OPERATOR_ARGUMENTS
    unknown = sorted(kwargs.keys() - known)
    if not unknown:
        return ""
    return f"; it does not know {unknown[0]!r}{did_you_mean(unknown[0], known)}"


@functools.cache
def parameters_of(init: Callable[..., None]) -> Parameters:
    """Return the parameters of an `__init__` that can be given by keyword."""
    found = list(inspect.signature(init).parameters.values())[1:]
    named = [p for p in found if p.kind in {p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return Parameters(
        names=frozenset(p.name for p in named),
        required=frozenset(p.name for p in named if p.default is p.empty),
        open_ended=any(p.kind is p.VAR_KEYWORD for p in found),
    )


def accepted_arguments(operator_class: type) -> frozenset[str]:
    """Return the names of all arguments that a class of operators takes, at any level."""
    names: set[str] = set()
    for cls in operator_class.__mro__:
        init = vars(cls).get("__init__")
        if init is None or cls is object:
            continue
        parameters = parameters_of(inspect.unwrap(init))
        names |= parameters.names
        if not parameters.open_ended:
            break
    return frozenset(names)


def surroundings(kwargs: Mapping[str, Any]) -> Construction:
    """Return the DAG, the group and the default arguments for a task made here and now."""
    group: TaskGroup | None = kwargs.get("task_group")
    dag: DAG | None = kwargs.get("dag")
    if dag is None:
        dag = group.dag if group is not None else scope.current_dag()
    if group is None:
        group = scope.current_group(dag)
    defaults = default_args_of(dag, group)
    own = kwargs.get("default_args")
    if own:
        defaults = {**defaults, **own}
    return Construction(dag, group, defaults, attach=True)


def default_args_of(dag: DAG | None, group: TaskGroup | None) -> Mapping[str, Any]:
    """Return the `default_args` in force inside a group of a DAG, the innermost winning."""
    if group is not None:
        return group.effective_default_args
    return dag.default_args if dag is not None else {}


def describe(task: Any, kwargs: Mapping[str, Any]) -> str:
    """Return the DAG and the task that is being made, as error messages name them."""
    construction: Construction | None = task._constructing  # noqa: SLF001  opened here
    dag = construction.dag if construction is not None else kwargs.get("dag")
    dag = dag or scope.current_dag()
    named = f"DAG {dag.dag_id!r}, " if dag is not None else ""
    return f"{named}task {kwargs.get('task_id', '?')!r}"


def build_unattached(
    operator_class: type[Made], default_args: Mapping[str, Any], kwargs: dict[str, Any]
) -> Made:
    """Make an operator that no DAG or group is told of: one element of a mapped task."""
    task = operator_class.__new__(operator_class)
    construction = Construction(None, None, default_args, attach=False)
    object.__setattr__(task, "_constructing", construction)
    task.__init__(**kwargs)  # type: ignore[misc] # under the construction just made
    object.__delattr__(task, "_constructing")
    return task
