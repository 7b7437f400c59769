"""Which DAG and task group the code of a DAG file is inside of.

`with DAG(...)` and `with TaskGroup(...)` push here; operators made inside look here. DAGs are
remembered from when they are made until the loader asks for them, so that a DAG file need not
bind each DAG to a global name.

A DAG file is executed by one thread; the stacks are per context all the same (`contextvars`),
so that a test that builds DAGs in threads does not mix them up.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.taskgroup import TaskGroup

_dags: ContextVar[tuple[DAG, ...]] = ContextVar("tradewind_dags", default=())
_groups: ContextVar[tuple[TaskGroup, ...]] = ContextVar("tradewind_groups", default=())
_collectors: ContextVar[tuple[list[AbstractOperator], ...]] = ContextVar(
    "tradewind_collectors", default=()
)
_registered: list[DAG] = []


def enter_dag(dag: DAG) -> None:
    """Make this the DAG of the operators that follow."""
    _dags.set((*_dags.get(), dag))


def register(dag: DAG) -> None:
    """Remember a DAG for the loader."""
    _registered.append(dag)


def leave_dag() -> None:
    """Go back to the DAG before."""
    _dags.set(_dags.get()[:-1])


def current_dag() -> DAG | None:
    """Return the DAG whose `with` block is open."""
    dags = _dags.get()
    return dags[-1] if dags else None


def enter_group(group: TaskGroup) -> None:
    """Make this the task group of the operators that follow."""
    _groups.set((*_groups.get(), group))


def leave_group() -> None:
    """Go back to the group before."""
    _groups.set(_groups.get()[:-1])


def current_group(dag: DAG | None) -> TaskGroup | None:
    """Return the open group if it belongs to this DAG, else the DAG's root group."""
    groups = _groups.get()
    if groups and (dag is None or groups[-1].dag is dag):
        return groups[-1]
    return dag.task_group if dag is not None else None


def start_collecting() -> list[AbstractOperator]:
    """Collect the operators made from now on, until `stop_collecting`."""
    made: list[AbstractOperator] = []
    _collectors.set((*_collectors.get(), made))
    return made


def stop_collecting() -> list[AbstractOperator]:
    """Stop the latest `start_collecting` and return what it collected."""
    *others, latest = _collectors.get()
    _collectors.set(tuple(others))
    return latest


def made(task: AbstractOperator) -> None:
    """Tell the open collectors of a new operator."""
    for collector in _collectors.get():
        collector.append(task)


class Scope(NamedTuple):
    """What was open, so that `isolated` code can put it back."""

    dags: tuple[DAG, ...]
    groups: tuple[TaskGroup, ...]
    collectors: tuple[list[AbstractOperator], ...]


def step_out() -> Scope:
    """Leave every open DAG and group: what follows belongs to none of them."""
    saved = Scope(_dags.get(), _groups.get(), _collectors.get())
    _dags.set(())
    _groups.set(())
    _collectors.set(())
    return saved


def step_in(saved: Scope) -> None:
    """Undo `step_out`."""
    _dags.set(saved.dags)
    _groups.set(saved.groups)
    _collectors.set(saved.collectors)


def take_registered() -> list[DAG]:
    """Return the DAGs registered since the last call, oldest first, and forget them."""
    found = list(_registered)
    _registered.clear()
    return found
