"""Branches and short-circuits: choose what runs below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from tradewind.errors import DagError
from tradewind.sdk.exceptions import DownstreamTasksSkipped
from tradewind.sdk.operators.python import PythonOperator


def skips_of(task: Any, chosen: Any) -> list[str]:
    """Return the direct downstream tasks that a branch did not choose.

    Raises:
        DagError: what it chose is not a task or group directly below it.
    """
    names = [chosen] if isinstance(chosen, str) else list(chosen or [])
    below: set[str] = set(task.downstream_task_ids)
    keep: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise DagError(f"branch {task.task_id!r} must return task ids, not {name!r}")
        group = task.dag.task_groups.get(name)
        ids = {t.task_id for t in group.upstream_ends()} if group is not None else {name}
        if not ids & below:
            raise DagError(
                f"branch {task.task_id!r} chose {name!r}, which is not directly below it; "
                f"below it are: {', '.join(sorted(below)) or 'none'}"
            )
        keep |= ids
    for name in list(keep):
        # What is chosen and also leads to another direct downstream keeps that one alive.
        keep |= _all_below(task.dag, name) & below
    return sorted(below - keep)


def _all_below(dag: Any, task_id: str) -> set[str]:
    seen: set[str] = set()
    todo = [task_id]
    while todo:
        for other in dag.get_task(todo.pop()).downstream_task_ids:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


class BranchPythonOperator(PythonOperator):
    """Follow the tasks whose ids the function returns; skip the others directly below."""

    can_skip_downstream: ClassVar[bool] = True

    def execute(self, context: Any) -> Any:
        """Call the function and choose.

        Raises:
            DownstreamTasksSkipped: with what was not chosen.
        """
        chosen = self.call(context)
        if chosen is not None and not isinstance(chosen, str | Iterable):
            raise DagError(f"branch {self.task_id!r} must return task ids, not {chosen!r}")
        raise DownstreamTasksSkipped(tasks=skips_of(self, chosen), result=chosen)


class ShortCircuitOperator(PythonOperator):
    """Go on only if the function returns something true; else skip what is below.

    Args:
        ignore_downstream_trigger_rules: skip everything below; else only the direct
            downstreams, and let trigger rules decide about the rest.
    """

    can_skip_downstream: ClassVar[bool] = True

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Any) -> Any:
        """Call the function and decide.

        Raises:
            DownstreamTasksSkipped: when it returned something false.
        """
        result = self.call(context)
        if result:
            return result
        if self.ignore_downstream_trigger_rules:
            raise DownstreamTasksSkipped(all_downstream=True, result=result)
        raise DownstreamTasksSkipped(tasks=sorted(self.downstream_task_ids), result=result)
