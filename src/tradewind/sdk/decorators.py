"""@task and its kin, @task_group, @setup and @teardown.

`@task` turns a function into a `TaskFunction`. Calling that inside a DAG makes a task and
returns the task's output, to be passed to other calls. What the function's arguments are (plain
values, outputs of other tasks, params) is settled when the task runs.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, overload

from tradewind.errors import DagError
from tradewind.sdk import renamed
from tradewind.sdk.arguments import (
    ArgumentError,
    OperatorArguments,
    did_you_mean,
    unknown_arguments,
)
from tradewind.sdk.construction import accepted_arguments, surroundings
from tradewind.sdk.exceptions import AirflowSkipException
from tradewind.sdk.mapping import (
    DictOfListsExpandInput,
    ExpandInput,
    ListOfDictsExpandInput,
    MappedOperator,
    check_sources,
)
from tradewind.sdk.signatures import Signature, returns_dict
from tradewind.sdk.xcom_arg import PlainXComArg

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="TaskFunction[..., Any]")

_KINDS = {
    "python": ("tradewind.sdk.decorated.python", "PythonDecoratedOperator"),
    "branch": ("tradewind.sdk.decorated.branch", "BranchDecoratedOperator"),
    "short_circuit": ("tradewind.sdk.decorated.branch", "ShortCircuitDecoratedOperator"),
    "sensor": ("tradewind.sdk.decorated.sensor", "SensorDecoratedOperator"),
    "bash": ("tradewind.sdk.decorated.bash", "BashDecoratedOperator"),
    "virtualenv": ("tradewind.sdk.decorated.virtualenv", "VirtualenvDecoratedOperator"),
    "external_python": ("tradewind.sdk.decorated.virtualenv", "ExternalPythonDecoratedOperator"),
    "branch_virtualenv": (
        "tradewind.sdk.decorated.virtualenv",
        "BranchVirtualenvDecoratedOperator",
    ),
    "branch_external_python": (
        "tradewind.sdk.decorated.virtualenv",
        "BranchExternalPythonDecoratedOperator",
    ),
    "kubernetes": ("tradewind.sdk.decorated.kubernetes", "KubernetesDecoratedOperator"),
}
"""Where the operators behind the decorators are; imported when a decorator is first used."""

ENTRY_POINTS = "tradewind.task_decorators"
"""Packages add `@task.<name>` under this group: a callable like `task.branch`."""

registered: dict[str, Callable[..., Any]] = {}
"""Decorators that were added at run time, by name."""


class TaskArguments(OperatorArguments, total=False):
    """The arguments of `@task`."""

    task_id: str
    templates_dict: Mapping[str, Any] | None
    templates_exts: Sequence[str] | None
    show_return_value_in_logs: bool


class ForeignTaskArguments(TaskArguments, total=False):
    """The arguments of `@task.virtualenv` and `@task.external_python` that both have."""

    serializer: str | None
    string_args: Sequence[str] | None
    expect_airflow: bool
    expect_pendulum: bool
    skip_on_exit_code: int | Sequence[int] | None
    env_vars: Mapping[str, str] | None
    inherit_env: bool


class DecoratedMappedOperator(MappedOperator):
    """A mapped task of a function: the elements are the function's arguments."""

    def element_arguments(self, resolved: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operator's own arguments for one element."""
        own = self._own_arguments()
        constant: Mapping[str, Any] = own.get("op_kwargs") or {}
        twice = constant.keys() & resolved.keys()
        if twice and self._strict:
            raise ArgumentError(
                f"{self.described}: {min(twice)!r} is in partial() and in the element as well"
            )
        own["op_kwargs"] = {**constant, **resolved}
        return own


class TaskFunction(Generic[P, R]):
    """A function that makes a task when it is called in a DAG.

    Args:
        function: the author's.
        operator_class: what runs it.
        kwargs: the task's arguments.
    """

    is_setup = False
    is_teardown = False
    on_failure_fail_dagrun = False

    def __init__(
        self, function: Callable[P, R], operator_class: type[Any], kwargs: Mapping[str, Any]
    ) -> None:
        given: Any = function
        if not callable(given) or isinstance(given, type | TaskFunction):
            raise ArgumentError(f"@task decorates a function, not {function!r:.60}")
        self.function = function
        self.operator_class = operator_class
        self.kwargs = dict(kwargs)
        self._signature = Signature(function)
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> PlainXComArg:
        """Make a task that calls the function with these arguments, and return its output.

        Raises:
            DagError: the arguments do not fit the function, or the task cannot be.
        """
        arguments = self._arguments()
        where = self._where(arguments)
        self._signature.check_call(where, args, kwargs)
        task = self.operator_class(op_args=list(args), op_kwargs=kwargs, **arguments)
        return self._finished(task)

    def override(self, **kwargs: Unpack[TaskArguments]) -> TaskFunction[P, R]:
        """Return the same with other arguments of the task: another task_id, pool, retries, ..."""
        twin = TaskFunction(self.function, self.operator_class, {**self.kwargs, **kwargs})
        twin.is_setup, twin.is_teardown = self.is_setup, self.is_teardown
        twin.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        return twin

    def partial(self, **kwargs: Any) -> PartialTask:
        """Give the function's arguments that are the same for every element of `.expand()`."""
        where = self._where(self.kwargs)
        self._signature.check_names(where, "partial", kwargs)
        return PartialTask(self, kwargs)

    def expand(self, **mapped_kwargs: Any) -> PlainXComArg:
        """Make an instance of the task for each element of these arguments.

        Args:
            mapped_kwargs: lists, dicts or outputs of other tasks; of several, every combination.
        """
        return self.partial().expand(**mapped_kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> PlainXComArg:
        """Make an instance of the task for each dict of arguments in a list.

        Args:
            kwargs: a list of dicts, or an output that is one.
            strict: refuse a dict that has an argument of `partial()`.
        """
        return self.partial().expand_kwargs(kwargs, strict=strict)

    def mapped(
        self, constant: Mapping[str, Any], source: ExpandInput, strict: bool
    ) -> PlainXComArg:
        """Make the mapped task."""
        arguments = self._arguments()
        task_id = arguments["task_id"]
        known = accepted_arguments(self.operator_class)
        if renamed.OF_OPERATORS.keys() & arguments.keys():
            arguments = renamed.operator_arguments(task_id, arguments, known)
        unknown = arguments.keys() - known
        if unknown:
            raise unknown_arguments(self._where({"task_id": task_id}), unknown, known)
        task = DecoratedMappedOperator(
            self.operator_class,
            {**arguments, "op_args": [], "op_kwargs": dict(constant)},
            source,
            surroundings(arguments),
            strict=strict,
        )
        return self._finished(task)

    def _arguments(self) -> dict[str, Any]:
        """Return the task's arguments, with a free id."""
        arguments = dict(self.kwargs)
        dag, group, _, _ = surroundings(arguments)
        task_id = arguments.get("task_id") or getattr(self.function, "__name__", "task")
        if dag is not None and isinstance(task_id, str):
            task_id = dag.free_id(task_id, group)
        arguments["task_id"] = task_id
        arguments["python_callable"] = self.function
        if arguments.get("multiple_outputs") is None:
            arguments["multiple_outputs"] = returns_dict(self.function)
        if self.function.__doc__ and not any(k.startswith("doc") for k in arguments):
            arguments["doc_md"] = self._signature.docstring
        return arguments

    def _finished(self, task: Any) -> PlainXComArg:
        if self.is_setup:
            task.as_setup()
        if self.is_teardown:
            task.as_teardown(on_failure_fail_dagrun=self.on_failure_fail_dagrun)
        return PlainXComArg(task)

    def _where(self, arguments: Mapping[str, Any]) -> str:
        dag = surroundings(arguments).dag
        named = f"DAG {dag.dag_id!r}, " if dag is not None else ""
        name = getattr(self.function, "__name__", "task")
        return f"{named}task {arguments.get('task_id', name)!r}"

    def check_expand(
        self, verb: str, mapped: Mapping[str, Any], constant: Mapping[str, Any]
    ) -> None:
        """Check what is given to expand against the function's parameters."""
        where = self._where(self.kwargs)
        check_sources(where, verb, mapped)
        if "" in mapped:
            return
        self._signature.check_names(where, verb, mapped)
        for name in mapped.keys() & constant.keys():
            raise ArgumentError(f"{where}: {verb}({name}=...): {name!r} is in partial() already")

    def __repr__(self) -> str:
        return f"<@task {getattr(self.function, '__name__', self.function)!r}>"


class PartialTask:
    """`task.partial(...)`: a task function with constant arguments, to be expanded."""

    def __init__(self, task_function: TaskFunction[..., Any], kwargs: Mapping[str, Any]) -> None:
        self._task_function = task_function
        self._kwargs = dict(kwargs)

    def partial(self, **kwargs: Any) -> PartialTask:
        """Give more constant arguments."""
        return PartialTask(self._task_function, {**self._kwargs, **kwargs})

    def expand(self, **mapped_kwargs: Any) -> PlainXComArg:
        """Make an instance of the task for each element; see `TaskFunction.expand`."""
        self._task_function.check_expand("expand", mapped_kwargs, self._kwargs)
        source = DictOfListsExpandInput(mapped_kwargs)
        return self._task_function.mapped(self._kwargs, source, strict=True)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> PlainXComArg:
        """Make an instance of the task for each dict; see `TaskFunction.expand_kwargs`."""
        self._task_function.check_expand("expand_kwargs", {"": kwargs}, self._kwargs)
        if isinstance(kwargs, Mapping):
            raise ArgumentError(
                f"{self._task_function!r}: expand_kwargs() takes a list of dicts, not one dict"
            )
        source = ListOfDictsExpandInput(kwargs)
        return self._task_function.mapped(self._kwargs, source, strict=strict)


class TaskDecorators:
    """The object behind the name `task`."""

    def __init__(self, dag: DAG | None = None) -> None:
        self._bound: dict[str, Any] = {} if dag is None else {"dag": dag}

    @overload
    def __call__(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def __call__(
        self, **kwargs: Unpack[TaskArguments]
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def __call__(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a task that calls it.

        Args:
            python_callable: the function.
            kwargs: the task's arguments, see `BaseOperator`; and `multiple_outputs` (push each
                key of the returned dict as an XCom of its own; by default when the return
                annotation is a dict), `templates_dict` and `templates_exts`.
        """
        return self._decorate("python", python_callable, kwargs)

    @property
    def python(self) -> TaskDecorators:
        """The same as `task` itself."""
        return self

    @overload
    def branch(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def branch(
        self, **kwargs: Unpack[TaskArguments]
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def branch(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a branch: it returns the ids of the tasks below to go on with."""
        return self._decorate("branch", python_callable, kwargs)

    @overload
    def short_circuit(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def short_circuit(
        self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Unpack[TaskArguments]
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def short_circuit(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a short-circuit: what is below runs only if it returns something."""
        return self._decorate("short_circuit", python_callable, kwargs)

    @overload
    def sensor(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def sensor(
        self,
        *,
        poke_interval: float = 60,
        timeout: float = 604800,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: Any = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Unpack[TaskArguments],
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def sensor(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a sensor: called again until it returns true."""
        return self._decorate("sensor", python_callable, kwargs)

    @overload
    def bash(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def bash(
        self,
        *,
        env: Mapping[str, str] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Sequence[int] | None = 99,
        cwd: str | None = None,
        output_processor: Callable[[str], Any] = ...,
        **kwargs: Unpack[TaskArguments],
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def bash(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function that returns a shell command into a task that runs the command."""
        return self._decorate("bash", python_callable, kwargs)

    @overload
    def virtualenv(self, python_callable: Callable[P, R], /) -> TaskFunction[P, R]: ...
    @overload
    def virtualenv(
        self,
        *,
        requirements: str | Sequence[str] | None = None,
        python_version: str | float | None = None,
        system_site_packages: bool = False,
        pip_install_options: Sequence[str] | None = None,
        index_urls: str | Sequence[str] | None = None,
        index_urls_from_connection_ids: str | Sequence[str] | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Unpack[ForeignTaskArguments],
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def virtualenv(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a task that calls it in a virtual environment made for it."""
        return self._decorate("virtualenv", python_callable, kwargs)

    def external_python(
        self, *, python: str | os.PathLike[str], **kwargs: Unpack[ForeignTaskArguments]
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]:
        """Turn a function into a task that calls it in a Python that is there already."""
        decorated: Callable[[Callable[P, R]], TaskFunction[P, R]] = self._decorate(
            "external_python", None, {"python": python, **kwargs}
        )
        return decorated

    def branch_virtualenv(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a branch that is chosen in a virtual environment."""
        return self._decorate("branch_virtualenv", python_callable, kwargs)

    def branch_external_python(
        self, *, python: str | os.PathLike[str], **kwargs: Unpack[ForeignTaskArguments]
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]:
        """Turn a function into a branch that is chosen in another Python."""
        decorated: Callable[[Callable[P, R]], TaskFunction[P, R]] = self._decorate(
            "branch_external_python", None, {"python": python, **kwargs}
        )
        return decorated

    def run_if(
        self, condition: Callable[[Any], bool], skip_message: str | None = None
    ) -> Callable[[F], F]:
        """Skip the task unless the condition holds; put it above `@task`.

        Args:
            condition: is given the context.
            skip_message: why it was skipped, for the log.
        """
        return _conditional(condition, skip_message, wanted=True)

    def skip_if(
        self, condition: Callable[[Any], bool], skip_message: str | None = None
    ) -> Callable[[F], F]:
        """Skip the task if the condition holds; put it above `@task`.

        Args:
            condition: is given the context.
            skip_message: why it was skipped, for the log.
        """
        return _conditional(condition, skip_message, wanted=False)

    if TYPE_CHECKING:

        def kubernetes(self, **kwargs: Any) -> Callable[[Callable[P, R]], TaskFunction[P, R]]:
            """Turn a function into a task that calls it in a pod; see `KubernetesPodOperator`."""

    def __getattr__(self, name: str) -> Any:
        """Return a decorator that a package added."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in registered:
            from importlib.metadata import entry_points  # noqa: PLC0415  18 ms, seldom needed

            from tradewind.sdk import providers  # noqa: PLC0415  likewise

            for found in entry_points(group=ENTRY_POINTS, name=name):
                registered[name] = found.load()
            if name not in registered and name in providers.task_decorators():
                registered[name] = providers.imported(providers.task_decorators()[name])
        if name in registered:
            return functools.partial(registered[name], **self._bound)
        if name == "kubernetes":
            # Ours, unless the provider package is installed, which has one, too.
            return self._decorate_for_kubernetes
        hint = did_you_mean(name, [*_KINDS, "run_if", "skip_if", *registered])
        raise AttributeError(f"there is no @task.{name}{hint}")

    def _decorate_for_kubernetes(self, python_callable: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a task that calls it in a pod; see `KubernetesPodOperator`."""
        return self._decorate("kubernetes", python_callable, kwargs)

    def _decorate(self, kind: str, function: Any, kwargs: Mapping[str, Any]) -> Any:
        module, name = _KINDS[kind]
        operator_class = getattr(importlib.import_module(module), name)
        given = {**self._bound, **kwargs}
        if function is not None:
            return TaskFunction(function, operator_class, given)
        return lambda decorated: TaskFunction(decorated, operator_class, given)


def task_decorator_factory(
    python_callable: Callable[..., Any] | None = None,
    *,
    multiple_outputs: bool | None = None,
    decorated_operator_class: type[Any],
    **kwargs: Any,
) -> Any:
    """Return what a provider package's `@task.<name>` makes of a function.

    Args:
        python_callable: the function; None where the decorator is called with arguments.
        multiple_outputs: push each key of the returned dict as an XCom of its own.
        decorated_operator_class: what runs it; derives from `DecoratedOperator`.
        kwargs: the task's arguments.
    """
    given = {"multiple_outputs": multiple_outputs, **kwargs}
    if python_callable is not None:
        return TaskFunction(python_callable, decorated_operator_class, given)
    return lambda decorated: TaskFunction(decorated, decorated_operator_class, given)


def get_unique_task_id(task_id: str, dag: Any = None, task_group: Any = None) -> str:
    """Return an id that no task of the DAG has yet."""
    found, group, _, _ = surroundings({"dag": dag, "task_group": task_group})
    return task_id if found is None else found.free_id(task_id, group)


def is_async_callable(function: Any) -> bool:
    """Tell whether calling a function gives a coroutine."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  an object with an async __call__
    )


task = TaskDecorators()
"""`@task`, `@task(...)`, `@task.branch`, ..."""


def _conditional(
    condition: Callable[[Any], bool], skip_message: str | None, *, wanted: bool
) -> Callable[[F], F]:
    verb = "run_if" if wanted else "skip_if"
    reason = skip_message or f"skipped by the condition of {verb}"

    def decorate(decorated: F) -> F:
        if not isinstance(decorated, TaskFunction):
            raise ArgumentError(f"@task.{verb} goes above @task, not below it")
        before = decorated.kwargs.get("pre_execute")

        def check(context: Any) -> None:
            if bool(condition(context)) is not wanted:
                raise AirflowSkipException(reason)
            if before is not None:
                before(context)

        decorated.kwargs["pre_execute"] = check
        return decorated

    return decorate


# ---- @setup and @teardown ---------------------------------------------------------------


@overload
def setup(function: TaskFunction[P, R]) -> TaskFunction[P, R]: ...
@overload
def setup(function: Callable[P, R]) -> TaskFunction[P, R]: ...
def setup(function: Any) -> Any:
    """Turn a function (or what `@task` made of it) into a setup task."""
    made = _as_task_function("setup", function)
    made.is_setup = True
    return made


@overload
def teardown(function: TaskFunction[P, R], /) -> TaskFunction[P, R]: ...
@overload
def teardown(function: Callable[P, R], /) -> TaskFunction[P, R]: ...
@overload
def teardown(
    *, on_failure_fail_dagrun: bool = False
) -> Callable[[Callable[P, R] | TaskFunction[P, R]], TaskFunction[P, R]]: ...
def teardown(function: Any = None, /, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Turn a function (or what `@task` made of it) into a teardown task.

    Args:
        function: the function.
        on_failure_fail_dagrun: let the run fail when this task fails.
    """

    def decorate(decorated: Any) -> TaskFunction[..., Any]:
        made = _as_task_function("teardown", decorated)
        made.is_teardown = True
        made.on_failure_fail_dagrun = on_failure_fail_dagrun
        return made

    return decorate if function is None else decorate(function)


def _as_task_function(verb: str, function: Any) -> TaskFunction[..., Any]:
    if isinstance(function, TaskFunction):
        return function.override()
    if hasattr(function, "expand"):
        raise DagError(f"@{verb} decorates a function or a @task, not a task group")
    return task(function)
