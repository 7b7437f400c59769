"""The template context: what a task is told about itself and its run.

Values are made when they are asked for (`Context` is a lazy mapping): most tasks look at few,
and pendulum, which the dates are made of, is slow to import.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any

import msgspec

from tradewind.errors import DagError
from tradewind.sdk.connection import Connection
from tradewind.sdk.instance import RunView, TaskInstanceView
from tradewind.sdk.variable import Variable
from tradewind.wire.messages import Assignment

_current: list[Context] = []


class Machinery(msgspec.Struct, frozen=True):
    """What Tradewind itself finds in the context, under "_tradewind"."""

    assignment: Assignment


class Context(MutableMapping[str, Any]):
    """The template context. A mapping whose values are made at first use."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = dict(makers)
        self._values: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        """Return a value, making it if need be."""
        if key not in self._values:
            self._values[key] = self._makers[key]()
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a value."""
        self._values[key] = value
        self._makers.setdefault(key, lambda: value)

    def __delitem__(self, key: str) -> None:
        """Remove a value."""
        self._values.pop(key, None)
        del self._makers[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._makers)

    def keys(self) -> Any:
        """Return the keys."""
        return self._makers.keys()


def build(dag: Any, task: Any, assignment: Assignment) -> Context:
    """Return the context of one attempt."""
    run = assignment.run
    ti = TaskInstanceView(assignment, task)
    run_view = RunView(run)
    makers: dict[str, Callable[[], Any]] = {
        "_tradewind": lambda: Machinery(assignment),
        "dag": lambda: dag,
        "task": lambda: task,
        "ti": lambda: ti,
        "task_instance": lambda: ti,
        "dag_run": lambda: run_view,
        "run_id": lambda: run.run_id,
        "params": lambda: params_of(dag, task, assignment),
        "conn": ConnectionAccessor,
        "var": lambda: {"value": VariableAccessor(), "json": VariableAccessor(as_json=True)},
        "macros": lambda: importlib.import_module("tradewind.sdk.macros"),
        "inlets": lambda: list(task.inlets or []),
        "outlets": lambda: list(task.outlets or []),
        "task_instance_key_str": lambda: _key_str(assignment),
        "task_reschedule_count": lambda: assignment.reschedule_count,
        "map_index_template": lambda: task.map_index_template,
        "try_number": lambda: assignment.try_number,
        "max_tries": lambda: assignment.max_tries,
        "test_mode": lambda: False,
        "templates_dict": lambda: getattr(task, "templates_dict", None),
        "expanded_ti_count": lambda: None,
    }
    if run.logical_date is not None:
        makers |= _dates(run.logical_date, run.interval_start, run.interval_end)
    return Context(makers)


def _dates(
    logical: datetime, start: datetime | None, end: datetime | None
) -> dict[str, Callable[[], Any]]:
    return {
        "logical_date": lambda: pendulum_of(logical),
        "data_interval_start": lambda: pendulum_of(start or logical),
        "data_interval_end": lambda: pendulum_of(end or logical),
        "ds": lambda: logical.strftime("%Y-%m-%d"),
        "ds_nodash": lambda: logical.strftime("%Y%m%d"),
        "ts": logical.isoformat,
        "ts_nodash": lambda: logical.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": lambda: logical.isoformat().replace("-", "").replace(":", ""),
    }


def pendulum_of(value: datetime) -> Any:
    """Return a pendulum DateTime: user code calls its methods."""
    return importlib.import_module("pendulum").instance(value)


def _key_str(assignment: Assignment) -> str:
    run = assignment.run
    end = run.logical_date.strftime("%Y%m%d") if run.logical_date else run.run_id
    return f"{run.dag_id}__{assignment.task_id}__{end}"


def params_of(dag: Any, task: Any, assignment: Assignment) -> dict[str, Any]:
    """Return the params: the DAG's, under the task's, under the run's conf."""
    merged: dict[str, Any] = {}
    for source in (dag.params, task.params if task is not None else {}):
        for name, value in source.items():
            merged[name] = getattr(value, "value", value)
    return merged | assignment.run.conf


def determine_kwargs(
    function: Callable[..., Any], args: Any, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keyword arguments that a callable takes from the context.

    A callable is given what its signature names, or everything when it has **kwargs.

    Raises:
        DagError: a positional argument stands where the context has a value of that name.
    """
    parameters = list(inspect.signature(function).parameters.values())
    taken = [p.name for p in parameters[: len(args)]]
    for name in taken:
        if name in context and name in RESERVED:
            raise DagError(
                f"{function.__name__}: parameter {name!r} is filled from the context; "
                "rename it or do not pass it"
            )
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return {k: v for k, v in context.items() if k not in taken and not k.startswith("_")}
    return {
        p.name: context[p.name] for p in parameters if p.name in context and p.name not in taken
    }


RESERVED = frozenset({"dag", "task", "ti", "task_instance", "dag_run", "run_id", "params", "ds"})
"""Names that only the context fills."""


def get_current_context() -> Context:
    """Return the context of the task that runs.

    Raises:
        RuntimeError: no task runs in this process.
    """
    if not _current:
        raise RuntimeError("get_current_context() works only inside a running task")
    return _current[-1]


class ConnectionAccessor:
    """`conn.<id>` in templates."""

    def __getattr__(self, conn_id: str) -> Connection:
        """Return a connection."""
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def get(self, conn_id: str, default: Any = None) -> Any:
        """Return a connection, or the default when there is none."""
        return Connection.find(conn_id) or default


class VariableAccessor:
    """`var.value.<key>` and `var.json.<key>` in templates."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json

    def __getattr__(self, key: str) -> Any:
        """Return a variable."""
        if key.startswith("__"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._as_json)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a variable, or the default when there is none."""
        return Variable.get(key, default=default, deserialize_json=self._as_json)


class entered:  # noqa: N801  used as a statement
    """Make a context the current one within a `with` block."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        """Enter."""
        _current.append(self._context)
        return self._context

    def __exit__(self, *_exc: object) -> None:
        """Leave."""
        _current.pop()
