"""The template context: what a task is told about itself and its run.

A dict whose values are made when they are asked for: most tasks look at few of them, and some
cost a question to the server or the import of pendulum. `**context` and `dict(context)` make
all that are there.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, ValuesView
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.sdk import current, macros, moments
from tradewind.sdk.accessors import ConnectionAccessor, VariableAccessor
from tradewind.sdk.asset_events import (
    InletEventAccessors,
    OutletEventAccessors,
    TriggeringAssetEvents,
)
from tradewind.sdk.dag_run import DagRun
from tradewind.sdk.injection import determine_kwargs
from tradewind.sdk.moments import moment
from tradewind.sdk.run_params import run_params
from tradewind.sdk.run_queries import previous_run
from tradewind.sdk.task_instance import RuntimeTaskInstance
from tradewind.wire.messages import Assignment, RunInfo

__all__ = ["Context", "build_context", "determine_kwargs", "get_current_context"]

get_current_context = current.get_current_context


class _Later:
    """A value that is made at first use."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class Machinery(NamedTuple):
    """What our own code finds in the context, under a name that does not show among the keys."""

    assignment: Assignment


MACHINERY = "_tradewind"


class Context(dict[str, Any]):
    """The template context."""

    def later(self, key: str, make: Callable[[], Any]) -> None:
        """Set a value that is made when it is first asked for."""
        dict.__setitem__(self, key, _Later(make))

    def __missing__(self, key: str) -> Any:
        if key == MACHINERY and "ti" in self:
            return Machinery(self["ti"].assignment)
        raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        value = dict.__getitem__(self, key)
        if type(value) is _Later:
            value = value.make()
            dict.__setitem__(self, key, value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or the default when there is none of this name."""
        return self[key] if key in self else default  # noqa: SIM401  dict.get would not make it

    def __iter__(self) -> Iterator[str]:
        # Being overridden makes dict(context) and f(**context) ask for each value.
        return dict.__iter__(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """Return the names and values; makes a value when it is reached."""
        return ItemsView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return the values; makes a value when it is reached."""
        return ValuesView(self)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a name and return its value."""
        if key in self:
            value = self[key]
            del self[key]
            return value
        return dict.pop(self, key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value, setting it to the default first when there is none of this name."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> Context:
        """Return a shallow copy; what was not made yet is made in either by itself."""
        other = Context()
        for key in self:
            dict.__setitem__(other, key, dict.__getitem__(self, key))
        return other

    def __or__(self, other: Any) -> Any:
        joined = self.copy()
        joined.update(other)
        return joined


def build_context(dag: Any, task: Any, assignment: Assignment, now: datetime) -> Context:
    """Return the context of a task's attempt.

    Args:
        dag: the DAG.
        task: the operator that runs.
        assignment: what the scheduler said about the attempt.
        now: when the attempt started.
    """
    ti = RuntimeTaskInstance(assignment, task, dag, now)
    context = _run_context(dag, assignment)
    context |= {
        "task": task,
        "ti": ti,
        "task_instance": ti,
        "task_instance_key_str": ti.key_str,
        "task_reschedule_count": assignment.reschedule_count,
        "map_index_template": getattr(task, "map_index_template", None),
        "try_number": assignment.try_number,
        "max_tries": assignment.max_tries,
        "expanded_ti_count": _expanded_count(assignment),
        "inlets": list(task.inlets or ()),
        "outlets": list(task.outlets or ()),
        "outlet_events": OutletEventAccessors(),
        "inlet_events": InletEventAccessors(task.inlets or ()),
        "test_mode": False,
    }
    context.later("params", lambda: run_params(dag, task, assignment.run.conf))
    context.later("templates_dict", lambda: getattr(task, "templates_dict", None))
    ti.context = context
    return context


def _run_context(dag: Any, assignment: Assignment) -> Context:
    """Return the part of the context that a DAG's callbacks have too."""
    run = assignment.run
    context = Context(
        dag=dag,
        run_id=run.run_id,
        dag_run=DagRun(run),
        conn=ConnectionAccessor(),
        var={"value": VariableAccessor(as_json=False), "json": VariableAccessor(as_json=True)},
        macros=macros,
        partition_key=None,
        partition_date=None,
        triggering_asset_events=TriggeringAssetEvents(run.consumed_asset_events),
    )
    previous = _PreviousSuccess()
    context.later("prev_start_date_success", lambda: previous.time("started_at"))
    context.later("prev_end_date_success", lambda: previous.time("ended_at"))
    if run.logical_date is not None:
        _add_dates(context, run, run.logical_date, previous)
    return context


def _add_dates(
    context: Context, run: RunInfo, logical: datetime, previous: _PreviousSuccess
) -> None:
    context |= {
        "ds": moments.ds(logical),
        "ds_nodash": moments.ds_nodash(logical),
        "ts": moments.ts(logical),
        "ts_nodash": moments.ts_nodash(logical),
        "ts_nodash_with_tz": moments.ts_nodash_with_tz(logical),
    }
    context.later("logical_date", lambda: moment(logical))
    context.later("data_interval_start", lambda: moment(run.interval_start or logical))
    context.later("data_interval_end", lambda: moment(run.interval_end or logical))
    context.later("prev_data_interval_start_success", lambda: previous.time("interval_start"))
    context.later("prev_data_interval_end_success", lambda: previous.time("interval_end"))


class _PreviousSuccess:
    """The last successful run before this one; asked for once."""

    def __init__(self) -> None:
        self._asked = False
        self._run: RunInfo | None = None

    def time(self, name: str) -> Any:
        """Return one of its times, or None."""
        if not self._asked:
            self._run = previous_run("success")
            self._asked = True
        return None if self._run is None else moment(getattr(self._run, name))


def _expanded_count(assignment: Assignment) -> int | None:
    """Return how many instances the task (or its innermost mapped group) has."""
    if not assignment.map_levels:
        return None
    count = 1
    for length in assignment.map_levels[-1].lengths.values():
        count *= length
    return count


def build_dag_context(dag: Any, assignment: Assignment) -> Context:
    """Return the context of a DAG's own callback: that of its run, without a task."""
    context = _run_context(dag, assignment)
    context.later("params", lambda: run_params(dag, None, assignment.run.conf))
    return context
