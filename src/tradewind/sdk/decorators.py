"""@task and its kin, @task_group, @setup and @teardown."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, get_origin, get_type_hints, overload

from tradewind.errors import DagError
from tradewind.sdk.context import determine_kwargs
from tradewind.sdk.exceptions import AirflowSkipException
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.bash import BashOperator
from tradewind.sdk.operators.branch import BranchPythonOperator, ShortCircuitOperator
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.taskgroup import Context, TaskGroup
from tradewind.sdk.templates import render_template
from tradewind.sdk.xcom_arg import PlainXComArg, XComArg


class _Decorated:
    """A function that makes a task each time it is called."""

    def __init__(
        self, function: Callable[..., Any], operator: type, kwargs: dict[str, Any]
    ) -> None:
        self.function = function
        self.operator = operator
        self.kwargs = kwargs
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make a task from this call and return its output."""
        try:
            inspect.signature(self.function).bind_partial(*args, **kwargs)
        except TypeError as error:
            raise DagError(f"@task {self.function.__name__}: {error}") from error
        made: XComArg = self._make(op_args=list(args), op_kwargs=kwargs).output
        return made

    def override(self, **kwargs: Any) -> _Decorated:
        """Return this with other task arguments."""
        return _Decorated(self.function, self.operator, {**self.kwargs, **kwargs})

    def partial(self, **kwargs: Any) -> _DecoratedPartial:
        """Give the arguments that all mapped instances share."""
        return _DecoratedPartial(self, kwargs)

    def expand(self, **mapped: Any) -> XComArg:
        """Map over lists, dicts or outputs."""
        return self.partial().expand(**mapped)

    def expand_kwargs(self, mapped: Any, *, strict: bool = True) -> XComArg:
        """Map over dicts of arguments."""
        return self.partial().expand_kwargs(mapped, strict=strict)

    def _make(self, **extra: Any) -> Any:
        kwargs = {"multiple_outputs": _is_dict(self.function), **self.kwargs}
        name = kwargs.pop("task_id", None) or self.function.__name__
        kwargs.setdefault("doc_md", inspect.getdoc(self.function))
        task_id = _free_task_id(name, kwargs.get("dag"), kwargs.get("task_group"))
        return self.operator(
            task_id=task_id, python_callable=self.function, decorated=True, **kwargs, **extra
        )


class _DecoratedPartial:
    """A decorated function with constant arguments, to be mapped."""

    def __init__(self, decorated: _Decorated, constant: dict[str, Any]) -> None:
        self._decorated = decorated
        self._constant = constant

    def expand(self, **mapped: Any) -> XComArg:
        """Map over lists, dicts or outputs."""
        if not mapped:
            name = self._decorated.function.__name__
            raise DagError(f"@task {name}: expand() needs at least one argument")
        parameters = inspect.signature(self._decorated.function).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for name, value in mapped.items():
            if name not in parameters and not open_ended:
                raise DagError(
                    f"@task {self._decorated.function.__name__}: it has no parameter {name!r}"
                )
            if not isinstance(value, list | tuple | dict | set | XComArg):
                raise DagError(
                    f"@task {self._decorated.function.__name__}: expand({name}=…) takes a list, a "
                    f"dict or a task's output, not {type(value).__name__}"
                )
        return self._make(mapped)

    def expand_kwargs(self, mapped: Any, *, strict: bool = True) -> XComArg:
        """Map over dicts of arguments."""
        del strict  # accepted as in Airflow; unknown arguments always fail
        return self._make({"": mapped})

    def _make(self, mapped: dict[str, Any]) -> XComArg:
        task = self._decorated._make(op_args=[], op_kwargs=self._constant)
        task.is_mapped = True
        task.expand_input = mapped
        task.mapped_over = mapped
        task.maps_callable = True
        task.depend_on_arguments()
        return PlainXComArg(task)


def _is_dict(function: Callable[..., Any]) -> bool:
    try:
        hint = get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError):
        return False
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _free_task_id(name: str, dag: Any, group: TaskGroup | None) -> str:
    group = group or Context.group(dag)
    dag = dag or (group.dag if group else Context.dag())
    if dag is None:
        return name
    number, task_id = 0, name
    while (group.child_id(task_id) if group else task_id) in dag.task_dict:
        number += 1
        task_id = f"{name}__{number}"
    return task_id


class _BashDecorated(BashOperator):
    """@task.bash: the function returns the command."""

    template_fields: ClassVar[tuple[str, ...]] = ("bash_command", "env", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., str],
        op_args: Any = None,
        op_kwargs: Any = None,
        decorated: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("multiple_outputs", None)
        self.decorated = decorated
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args, self.op_kwargs = op_args or [], op_kwargs or {}

    def execute(self, context: Any) -> Any:
        """Ask the function for the command and run it."""
        kwargs = determine_kwargs(self.python_callable, self.op_args, {**context, **self.op_kwargs})
        command = self.python_callable(*self.op_args, **kwargs)
        if not str(command).strip():
            raise DagError(f"@task.bash {self.task_id!r} must return the command as a string")
        self.bash_command = command
        self.bash_command = str(render_template(self, command, context))
        return super().execute(context)


class _TaskDecorator:
    """The `task` object: `@task`, `@task(…)`, `@task.branch` and its kin."""

    @overload
    def __call__(self, function: Callable[..., Any]) -> _Decorated: ...

    @overload
    def __call__(self, **kwargs: Any) -> Callable[[Callable[..., Any]], _Decorated]: ...

    def __call__(self, function: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a task."""
        return _decorate(PythonOperator, function, kwargs)

    python = __call__

    def branch(self, function: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a branch: it returns the ids of the tasks to follow."""
        return _decorate(BranchPythonOperator, function, kwargs)

    def short_circuit(self, function: Any = None, **kwargs: Any) -> Any:
        """Turn a function into a short-circuit: when it returns false, skip what is below."""
        return _decorate(ShortCircuitOperator, function, kwargs)

    def bash(self, function: Any = None, **kwargs: Any) -> Any:
        """Turn a function that returns a shell command into a task."""
        return _decorate(_BashDecorated, function, kwargs)

    def run_if(self, condition: Callable[[Any], bool], skip_message: str | None = None) -> Any:
        """Run the decorated task only if the condition holds; else skip it."""
        return _conditional(condition, skip_message, wanted=True)

    def skip_if(self, condition: Callable[[Any], bool], skip_message: str | None = None) -> Any:
        """Skip the decorated task if the condition holds."""
        return _conditional(condition, skip_message, wanted=False)


def _decorate(operator: type, function: Any, kwargs: dict[str, Any]) -> Any:
    if function is None:
        return lambda f: _Decorated(f, operator, kwargs)
    if not callable(function):
        raise DagError("@task decorates a function; give task arguments by keyword")
    return _Decorated(function, operator, kwargs)


def _conditional(condition: Callable[[Any], bool], message: str | None, *, wanted: bool) -> Any:
    def wrap(decorated: _Decorated) -> _Decorated:
        earlier = decorated.kwargs.get("pre_execute")

        def check(context: Any) -> None:
            if bool(condition(context)) is not wanted:
                raise AirflowSkipException(message or "skipped by its condition")
            if earlier is not None:
                earlier(context)

        return decorated.override(pre_execute=check)

    return wrap


task = _TaskDecorator()


def setup(function: Any) -> Any:
    """Make the task (or the function) a setup."""
    return _with_role(function, lambda t: t.as_setup())


def teardown(function: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Make the task (or the function) a teardown."""

    def wrap(f: Any) -> Any:
        return _with_role(f, lambda t: t.as_teardown(on_failure_fail_dagrun=on_failure_fail_dagrun))

    return wrap if function is None else wrap(function)


def _with_role(function: Any, give: Callable[[BaseOperator], Any]) -> Any:
    decorated = (
        function if isinstance(function, _Decorated) else _decorate(PythonOperator, function, {})
    )

    @functools.wraps(decorated.function)
    def make(*args: Any, **kwargs: Any) -> XComArg:
        made = decorated(*args, **kwargs)
        give(next(iter(made.tasks())))
        return made

    return make


class _GroupDecorated:
    """A function that makes a task group each time it is called."""

    def __init__(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.kwargs = kwargs
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make a group; return what the function returns, or the group."""
        group = self._open()
        with group:
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def override(self, **kwargs: Any) -> _GroupDecorated:
        """Return this with other group arguments."""
        return _GroupDecorated(self.function, {**self.kwargs, **kwargs})

    def partial(self, **constant: Any) -> _GroupPartial:
        """Give the arguments that all mapped instances share."""
        return _GroupPartial(self, constant)

    def expand(self, **mapped: Any) -> Any:
        """Map the group over lists, dicts or outputs."""
        return self.partial().expand(**mapped)

    def _open(self) -> TaskGroup:
        kwargs = {"add_suffix_on_collision": True, **self.kwargs}
        return TaskGroup(kwargs.pop("group_id", None) or self.function.__name__, **kwargs)


class _GroupPartial:
    """A group function with constant arguments, to be mapped."""

    def __init__(self, decorated: _GroupDecorated, constant: dict[str, Any]) -> None:
        self._decorated = decorated
        self._constant = constant

    def expand(self, **mapped: Any) -> Any:
        """Map the group over lists, dicts or outputs."""
        group = self._decorated._open()  # noqa: SLF001
        group.expand_input = mapped
        elements = {name: GroupElement(group, name) for name in mapped}
        with group:
            result = self._decorated.function(**self._constant, **elements)
        for value in mapped.values():
            for arg in [value] if isinstance(value, XComArg) else []:
                for source in arg.tasks():
                    for member in group.tasks():
                        source.link_to(member)
        return group if result is None else result

    def expand_kwargs(self, mapped: Any) -> Any:
        """Map the group over dicts of arguments."""
        del mapped
        raise DagError("a task group's expand_kwargs() is not supported; use expand()")


class GroupElement(XComArg):
    """A mapped group's element, as its tasks take it."""

    def __init__(self, group: TaskGroup, name: str) -> None:
        self.group = group
        self.name = name

    def tasks(self) -> Any:
        """Yield nothing: the group depends on the sources as a whole."""
        return iter(())

    def resolve(self, context: Any) -> Any:
        """Return this instance's element."""
        level = next(
            one
            for one in context["_tradewind"].assignment.map_levels
            if one.group_id == self.group.group_id
        )
        expand = self.group.expand_input or {}
        return pick(expand, level.lengths, level.index, context)[self.name]


def task_group(function: Any = None, **kwargs: Any) -> Any:
    """Turn a function into a task group factory."""
    if function is None:
        return lambda f: _GroupDecorated(f, kwargs)
    return _GroupDecorated(function, kwargs)


def pick(
    expand: Mapping[str, Any], lengths: Mapping[str, int], index: int, context: Any
) -> dict[str, Any]:
    """Return one instance's element of each mapped argument (the last varies fastest)."""
    picked: dict[str, Any] = {}
    for name in reversed(list(expand)):
        index, position = divmod(index, lengths[name])
        value = expand[name]
        if isinstance(value, XComArg):
            value = value.resolve(context)
        elements = list(value.items()) if isinstance(value, dict) else list(value)
        picked[name] = elements[position]
    return dict(reversed(picked.items()))
