"""The tasks of a DAG and how they hang together: adding, finding, ordering, cutting out."""

from __future__ import annotations

import copy
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from tradewind.sdk.arguments import did_you_mean
from tradewind.sdk.exceptions import (
    AirflowDagCycleException,
    DuplicateTaskIdFound,
    TaskNotFound,
)
from tradewind.sdk.taskgroup import MappedTaskGroup, TaskGroup

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.mapping import OperatorPartial

_CYCLE_SHOWN = 12
"""Tasks of a cycle that its error message lists."""


class DagGraph:
    """What a DAG knows about its tasks."""

    dag_id: str

    def __init__(self) -> None:
        self.task_dict: dict[str, AbstractOperator] = {}
        self.task_group_dict: dict[str, TaskGroup] = {}
        self.task_group = TaskGroup(None, dag=cast("DAG", self))
        self.edge_info: dict[str, dict[str, dict[str, Any]]] = {}
        self.open_partials: list[OperatorPartial] = []
        self._suffixes: dict[str, int] = {}

    @property
    def tasks(self) -> list[AbstractOperator]:
        """The tasks in the order of definition."""
        return list(self.task_dict.values())

    @property
    def task_ids(self) -> list[str]:
        """The tasks' ids in the order of definition."""
        return list(self.task_dict)

    @property
    def roots(self) -> list[AbstractOperator]:
        """The tasks without upstream tasks."""
        return [task for task in self.tasks if not task.upstream_task_ids]

    @property
    def leaves(self) -> list[AbstractOperator]:
        """The tasks without downstream tasks."""
        return [task for task in self.tasks if not task.downstream_task_ids]

    @property
    def teardowns(self) -> list[AbstractOperator]:
        """The teardown tasks."""
        return [task for task in self.tasks if task.is_teardown]

    def add_task(self, task: AbstractOperator, group: TaskGroup | None = None) -> None:
        """Put a task into the DAG.

        Raises:
            DuplicateTaskIdFound: a task or group has this id already.
        """
        known = self.task_dict.get(task.task_id)
        if known is task:
            return
        if known is not None or task.task_id in self.task_group_dict:
            what = "task" if known is not None else "task group"
            raise DuplicateTaskIdFound(
                f"DAG {self.dag_id!r} has a {what} {task.task_id!r} already; "
                "give this task another task_id"
            )
        self.task_dict[task.task_id] = task
        object.__setattr__(task, "_dag", self)
        (group or self.task_group).add(task)

    def add_tasks(self, tasks: Iterable[AbstractOperator]) -> None:
        """Put several tasks into the DAG."""
        for task in tasks:
            self.add_task(task)

    def has_task(self, task_id: str) -> bool:
        """Tell whether the DAG has this task."""
        return task_id in self.task_dict

    def has_task_group(self, task_group_id: str) -> bool:
        """Tell whether the DAG has this group."""
        return task_group_id in self.task_group_dict

    def get_task(self, task_id: str) -> AbstractOperator:
        """Return a task.

        Raises:
            TaskNotFound: the DAG has no such task.
        """
        try:
            return self.task_dict[task_id]
        except KeyError:
            hint = did_you_mean(task_id, self.task_dict)
            raise TaskNotFound(f"DAG {self.dag_id!r} has no task {task_id!r}{hint}") from None

    def free_id(self, label: str, group: TaskGroup | None) -> str:
        """Return the label, or with `__1`, `__2`, ... what is not taken in this group."""
        full = group.child_id(label) if group is not None else label
        if full not in self.task_dict and full not in self.task_group_dict:
            return label
        number = self._suffixes.get(full, 0) + 1
        while f"{full}__{number}" in self.task_dict or f"{full}__{number}" in self.task_group_dict:
            number += 1
        self._suffixes[full] = number
        return f"{label}__{number}"

    # ---- edges ----------------------------------------------------------------------------

    def set_dependency(self, upstream_task_id: str, downstream_task_id: str) -> None:
        """Make one task depend on another, by their ids."""
        self.get_task(upstream_task_id).set_downstream(self.get_task(downstream_task_id))

    def get_edge_info(self, upstream_task_id: str, downstream_task_id: str) -> dict[str, Any]:
        """Return what is known about an edge: {"label": ...} or nothing."""
        return self.edge_info.get(upstream_task_id, {}).get(downstream_task_id, {})

    def set_edge_info(
        self, upstream_task_id: str, downstream_task_id: str, info: dict[str, Any]
    ) -> None:
        """Set what is known about an edge."""
        self.edge_info.setdefault(upstream_task_id, {})[downstream_task_id] = info

    def topological_sort(self) -> list[AbstractOperator]:
        """Return the tasks, each after all its upstream tasks, else in the order of definition.

        Raises:
            AirflowDagCycleException: there is no such order; it names the cycle.
        """
        return topological_order(self)

    def check_cycle(self) -> None:
        """Raise AirflowDagCycleException if tasks depend on each other in a circle."""
        topological_order(self)

    # ---- parts ----------------------------------------------------------------------------

    def partial_subset(
        self,
        task_ids: str | Iterable[str],
        include_downstream: bool = False,
        include_upstream: bool = True,
        include_direct_upstream: bool = False,
    ) -> Self:
        """Return a copy of the DAG with some of its tasks.

        Args:
            task_ids: a regular expression to be found in the ids, or the ids.
            include_downstream: with everything below them.
            include_upstream: with everything above them.
            include_direct_upstream: with what is directly above them.
        """
        if isinstance(task_ids, str):
            pattern = re.compile(task_ids)
            chosen = {task_id for task_id in self.task_dict if pattern.search(task_id)}
        else:
            chosen = {self.get_task(task_id).task_id for task_id in task_ids}
        keep = set(chosen)
        for task_id in chosen:
            task = self.task_dict[task_id]
            if include_downstream:
                keep |= task.get_flat_relative_ids(upstream=False)
            if include_upstream:
                keep |= task.get_flat_relative_ids(upstream=True)
            elif include_direct_upstream:
                keep |= task.upstream_task_ids
        return self._copied({t: copy.copy(task) for t, task in self.task_dict.items() if t in keep})

    def _copied(self, tasks: dict[str, AbstractOperator]) -> Self:
        """Return a copy of the DAG that owns these copies of tasks."""
        twin = copy.copy(self)
        twin.task_group_dict = {}
        twin.task_group = _copied_group(self.task_group, None, twin, tasks)
        twin.task_dict = tasks
        twin.edge_info = copy.deepcopy(self.edge_info)
        for task in tasks.values():
            object.__setattr__(task, "_dag", twin)
            object.__setattr__(task, "upstream_task_ids", task.upstream_task_ids & tasks.keys())
            object.__setattr__(task, "downstream_task_ids", task.downstream_task_ids & tasks.keys())
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = self._copied({t: copy.deepcopy(task, memo) for t, task in self.task_dict.items()})
        memo[id(self)] = twin
        return twin


def _copied_group(
    group: TaskGroup, parent: TaskGroup | None, dag: Any, tasks: dict[str, AbstractOperator]
) -> TaskGroup:
    twin = copy.copy(group)
    twin.dag, twin.parent_group, twin.children = dag, parent, {}
    for name, child in group.children.items():
        if isinstance(child, TaskGroup):
            copied = _copied_group(child, twin, dag, tasks)
            if copied.children:
                twin.children[name] = copied
        elif name in tasks:
            twin.children[name] = tasks[name]
            object.__setattr__(tasks[name], "_task_group", twin)
    if not twin.is_root and twin.children:
        dag.task_group_dict[twin.node_id] = twin
    return twin


def topological_order(dag: DagGraph) -> list[AbstractOperator]:
    """Return the tasks, each after all its upstream tasks, else in the order of definition.

    The order depends on nothing but the DAG file: it becomes part of the DAG's version.

    Raises:
        AirflowDagCycleException: there is no such order; it names the cycle.
    """
    tasks = dag.tasks
    place = {task.task_id: i for i, task in enumerate(tasks)}
    missing = [len(task.upstream_task_ids) for task in tasks]
    ready = [i for i, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order: list[AbstractOperator] = []
    while ready:
        task = tasks[heapq.heappop(ready)]
        order.append(task)
        for task_id in task.downstream_task_ids:
            i = place[task_id]
            missing[i] -= 1
            if not missing[i]:
                heapq.heappush(ready, i)
    if len(order) < len(tasks):
        raise AirflowDagCycleException(_describe_cycle(dag, {t.task_id for t in order}))
    return order


def _describe_cycle(dag: DagGraph, done: set[str]) -> str:
    cycle = find_cycle({t: task for t, task in dag.task_dict.items() if t not in done})
    shown = [*cycle, cycle[0]]
    if len(shown) > _CYCLE_SHOWN:
        shown = [*shown[: _CYCLE_SHOWN - 1], "…", cycle[0]]
    return (
        f"DAG {dag.dag_id!r}: tasks depend on each other in a circle: {' → '.join(shown)}; "
        "remove one of these dependencies"
    )


def find_cycle(tasks: dict[str, AbstractOperator]) -> list[str]:
    """Return the ids along one cycle among tasks that all have an upstream among them."""
    # Walking upstream from anywhere must come back to a task seen before.
    path: list[str] = []
    seen: dict[str, int] = {}
    task_id = min(tasks)
    while task_id not in seen:
        seen[task_id] = len(path)
        path.append(task_id)
        task_id = min(i for i in tasks[task_id].upstream_task_ids if i in tasks)
    cycle = path[seen[task_id] :][::-1]
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]


def groups_of(dag: DagGraph) -> Iterator[TaskGroup]:
    """Yield the groups, each after the one around it; the root is left out."""
    open_groups: list[TaskGroup] = [dag.task_group]
    while open_groups:
        group = open_groups.pop()
        if not group.is_root:
            yield group
        inner: Sequence[TaskGroup] = [
            child for child in group.children.values() if isinstance(child, TaskGroup)
        ]
        open_groups.extend(reversed(inner))


def mapped_groups_of(dag: DagGraph) -> list[MappedTaskGroup]:
    """Return the mapped groups."""
    return [group for group in groups_of(dag) if isinstance(group, MappedTaskGroup)]
