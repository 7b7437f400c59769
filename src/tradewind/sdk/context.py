"""The template context: what a task is told about itself and its run.

A dict whose values are made when they are asked for: most tasks look at few of them, and some
cost a question to the server or the import of pendulum. `**context` and `dict(context)` make
all that are there.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, ValuesView
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.sdk import current, earlier_context, macros, moments
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
from tradewind.sdk.state_stores import AssetStateStores, StateStore
from tradewind.sdk.task_instance import RuntimeTaskInstance
from tradewind.wire.messages import Assignment, RunInfo

__all__ = ["Context", "build_context", "determine_kwargs", "get_current_context"]

get_current_context = current.get_current_context


class _Later:
    """A value that is made at first use, from the context that it is in."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[Context], Any]) -> None:
        self.make = make


class Machinery(NamedTuple):
    """What our own code finds in the context, under a name that does not show among the keys."""

    assignment: Assignment


MACHINERY = "_tradewind"


class _Source:
    """What the values of a context are made from. task: None in a DAG's own callback."""

    def __init__(self, dag: Any, task: Any, assignment: Assignment) -> None:
        self.dag = dag
        self.task = task
        self.assignment = assignment
        self.run = assignment.run
        self._asked = False
        self._before: RunInfo | None = None

    def before(self, name: str) -> Any:
        """Return a time of the last successful run before this one, or None; asks once."""
        if not self._asked:
            self._before = previous_run("success")
            self._asked = True
        return None if self._before is None else moment(getattr(self._before, name))


class Context(dict[str, Any]):
    """The template context."""

    source: _Source

    def later(self, key: str, make: Callable[[Context], Any]) -> None:
        """Set a value that is made, from this context, when it is first asked for."""
        dict.__setitem__(self, key, _Later(make))

    def __missing__(self, key: str) -> Any:
        if key == MACHINERY and "ti" in self:
            return Machinery(self["ti"].assignment)
        raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        value = dict.__getitem__(self, key)
        if type(value) is _Later:
            value = value.make(self)
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
        other.__dict__.update(self.__dict__)
        for key in self:
            dict.__setitem__(other, key, dict.__getitem__(self, key))
        return other

    def __or__(self, other: Any) -> Any:
        joined = self.copy()
        joined.update(other)
        return joined


# ---- the values -------------------------------------------------------------------------
#
# Tables, so that an attempt copies a dict instead of making what it will hardly look at: each
# attempt is a fresh fork, for which every function that is called costs pages to be copied.


def _of_run(make: Callable[[RunInfo], Any]) -> _Later:
    return _Later(lambda context: make(context.source.run))


def _of_task(make: Callable[[Any], Any]) -> _Later:
    return _Later(lambda context: make(context.source.task))


def _of_assignment(make: Callable[[Assignment], Any]) -> _Later:
    return _Later(lambda context: make(context.source.assignment))


def _of_date(make: Callable[[datetime], Any]) -> _Later:
    return _Later(lambda context: make(_logical_date(context.source.run)))


def _earlier(make: earlier_context.Make) -> _Later:
    return _Later(
        lambda context: make(context["dag"], context.source.run, _logical_date(context.source.run))
    )


def _ignoring(make: Callable[[], Any]) -> Callable[[Context], Any]:
    return lambda _context: make()


def _before(name: str) -> _Later:
    return _Later(lambda context: context.source.before(name))


def _expanded_count(assignment: Assignment) -> int | None:
    """Return how many instances the task (or its innermost mapped group) has."""
    if not assignment.map_levels:
        return None
    count = 1
    for length in assignment.map_levels[-1].lengths.values():
        count *= length
    return count


def _logical_date(run: RunInfo) -> datetime:
    assert run.logical_date is not None  # only a context with dates asks
    return run.logical_date


def _asset_states(context: Context) -> AssetStateStores:
    task = context.source.task
    return AssetStateStores(task.inlets or (), task.outlets or ())


def _params(context: Context) -> dict[str, Any]:
    source = context.source
    return run_params(source.dag, source.task, source.run.conf)


_OF_RUN: dict[str, Any] = {
    "dag": None,
    "run_id": _of_run(lambda run: run.run_id),
    "dag_run": _of_run(DagRun),
    "conn": _Later(lambda _: ConnectionAccessor()),
    "var": _Later(
        lambda _: {
            "value": VariableAccessor(as_json=False),
            "json": VariableAccessor(as_json=True),
        }
    ),
    "macros": macros,
    "partition_key": None,
    "partition_date": None,
    "triggering_asset_events": _of_run(
        lambda run: TriggeringAssetEvents(run.consumed_asset_events)
    ),
    "triggering_dataset_events": _of_run(
        lambda run: TriggeringAssetEvents(run.consumed_asset_events)
    ),
    "prev_start_date_success": _before("started_at"),
    "prev_end_date_success": _before("ended_at"),
    "params": _Later(_params),
}
"""What a DAG's callbacks have too."""

_OF_DATES: dict[str, Any] = {
    "ds": _of_date(moments.ds),
    "ds_nodash": _of_date(moments.ds_nodash),
    "ts": _of_date(moments.ts),
    "ts_nodash": _of_date(moments.ts_nodash),
    "ts_nodash_with_tz": _of_date(moments.ts_nodash_with_tz),
    "logical_date": _of_date(moment),
    "data_interval_start": _of_run(lambda run: moment(run.interval_start or run.logical_date)),
    "data_interval_end": _of_run(lambda run: moment(run.interval_end or run.logical_date)),
    "prev_data_interval_start_success": _before("interval_start"),
    "prev_data_interval_end_success": _before("interval_end"),
    "prev_execution_date_success": _before("logical_date"),
    **{name: _earlier(make) for name, make in earlier_context.VALUES.items()},
}
"""What a run with a logical date has."""

_OF_TASK: dict[str, Any] = {
    "task": None,
    "ti": None,
    "task_instance": None,
    "task_instance_key_str": _Later(lambda context: context["ti"].key_str),
    "task_reschedule_count": _of_assignment(lambda own: own.reschedule_count),
    "map_index_template": _of_task(lambda task: getattr(task, "map_index_template", None)),
    "try_number": _of_assignment(lambda own: own.try_number),
    "max_tries": _of_assignment(lambda own: own.max_tries),
    "expanded_ti_count": _of_assignment(_expanded_count),
    "inlets": _of_task(lambda task: list(task.inlets or ())),
    "outlets": _of_task(lambda task: list(task.outlets or ())),
    "outlet_events": _Later(lambda _: OutletEventAccessors()),
    "inlet_events": _of_task(lambda task: InletEventAccessors(task.inlets or ())),
    "task_state_store": _Later(lambda _: StateStore()),
    "test_mode": False,
    # Of the task that runs, whose fields are rendered; not of the one that the file declares.
    "templates_dict": _Later(lambda context: getattr(context["task"], "templates_dict", None)),
}

_RUN = {False: _OF_RUN, True: _OF_RUN | _OF_DATES}
_TASK = {dated: values | _OF_TASK for dated, values in _RUN.items()}
"""By whether the run has a logical date."""


def build_context(dag: Any, task: Any, assignment: Assignment, now: datetime) -> Context:
    """Return the context of a task's attempt.

    Args:
        dag: the DAG.
        task: the operator that runs.
        assignment: what the scheduler said about the attempt.
        now: when the attempt started.
    """
    context = Context(_TASK[assignment.run.logical_date is not None])
    context.source = _Source(dag, task, assignment)
    ti = RuntimeTaskInstance(assignment, task, dag, now)
    context["dag"] = dag
    context["task"] = task
    context["ti"] = context["task_instance"] = ti
    ti.context = context
    if task.inlets or task.outlets:
        context.later("asset_state_store", _asset_states)
    means = getattr(dag, "means", None)
    if means is not None and means.airflow == 2:
        for name, make in earlier_context.EXTRAS.items():
            context.later(name, _ignoring(make))
    return context


def build_dag_context(dag: Any, assignment: Assignment) -> Context:
    """Return the context of a DAG's own callback: that of its run, without a task."""
    context = Context(_RUN[assignment.run.logical_date is not None])
    context.source = _Source(dag, None, assignment)
    context["dag"] = dag
    return context
