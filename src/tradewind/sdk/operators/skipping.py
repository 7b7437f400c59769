"""Choose what runs below: the base of branches and short-circuits.

The operators here end by raising `DownstreamTasksSkipped`: the task succeeds, pushes its
result, and the tasks named are skipped by the scheduler.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from tradewind.sdk.exceptions import AirflowException, DownstreamTasksSkipped

log = logging.getLogger("tradewind.task")


class SkipMixin:
    """Skip downstream tasks."""

    inherits_from_skipmixin = True

    @staticmethod
    def skip(ti: Any, tasks: Iterable[Any], *, result: Any = None) -> None:
        """End the task and skip these downstream tasks.

        Args:
            ti: the task instance that runs.
            tasks: operators, or ids of tasks.
            result: what the task returns.

        Raises:
            DownstreamTasksSkipped: always, unless there is nothing to skip.
        """
        ids = [t if isinstance(t, str) else t.task_id for t in tasks]
        if not ids:
            return
        everything: set[str] = ti.task.get_flat_relative_ids(upstream=False)
        if everything - set(ids) == set() and everything != set(ti.task.downstream_task_ids):
            raise DownstreamTasksSkipped(all_downstream=True, result=result)
        raise DownstreamTasksSkipped(tasks=sorted(ids), result=result)

    @staticmethod
    def skip_all_except(
        ti: Any, branch_task_ids: str | Iterable[str] | None, *, result: Any = None
    ) -> None:
        """End the task and skip the tasks directly below it, but for those chosen.

        A task that also lies below a chosen one is not skipped: a join runs.

        Args:
            ti: the task instance that runs.
            branch_task_ids: ids of tasks; None or nothing skips all.
            result: what the task returns.

        Raises:
            DownstreamTasksSkipped: always, unless there is nothing to skip.
            AirflowException: something chosen is not the id of a task.
        """
        task = ti.task
        chosen = _chosen(task, branch_task_ids)
        kept = set(chosen)
        for task_id in chosen:
            kept |= task.dag.get_task(task_id).get_flat_relative_ids(upstream=False)
        skipped = sorted(set(task.downstream_task_ids) - kept)
        log.info("follows %s", ", ".join(sorted(chosen)) or "nothing")
        if skipped:
            raise DownstreamTasksSkipped(tasks=skipped, result=result)


def _chosen(task: Any, choice: str | Iterable[str] | None) -> set[str]:
    """Return the ids of the tasks that a branch chose."""
    if choice is None:
        return set()
    names = [choice] if isinstance(choice, str) else list(choice)
    if not all(isinstance(name, str) for name in names):
        raise AirflowException(
            f"branch {task.task_id!r} must choose ids of tasks or groups, not {choice!r}"
        )
    dag = task.dag
    unknown = sorted(set(names) - set(dag.task_dict))
    if unknown:
        below = ", ".join(sorted(task.downstream_task_ids)) or "nothing"
        raise AirflowException(
            f"branch {task.task_id!r} chose {', '.join(map(repr, unknown))}, but DAG"
            f" {dag.dag_id!r} has no such task. Directly below the branch: {below}"
        )
    return set(names)


class BranchMixIn(SkipMixin):
    """Follow some of the tasks directly below and skip the others."""

    def do_branch(self, context: Any, branches_to_execute: str | Iterable[str] | None) -> Any:
        """End the task and skip what was not chosen.

        Args:
            context: the template context.
            branches_to_execute: ids of tasks, or of groups: those stand for their first tasks.

        Raises:
            DownstreamTasksSkipped: unless there is nothing to skip.
        """
        branches = branches_to_execute
        if branches is not None and not isinstance(branches, str):
            branches = list(branches)
        tasks = self.expand_task_group_roots(context["ti"], branches)
        self.skip_all_except(context["ti"], tasks, result=branches)
        return branches

    @staticmethod
    def expand_task_group_roots(
        ti: Any, branches: str | Sequence[str] | None
    ) -> str | list[Any] | None:
        """Return the choice with the first tasks of groups in place of the groups."""
        if branches is None:
            return None
        groups = ti.task.dag.task_group.get_task_group_dict()
        names = [branches] if isinstance(branches, str) else list(branches)
        found: list[Any] = []
        for name in names:
            group = groups.get(name) if name else None
            found += [name] if group is None else [root.task_id for root in group.get_roots()]
        return found


def stop_here(task: Any, *, result: Any, ignore_trigger_rules: bool) -> NoReturn:
    """End a short-circuit whose condition does not hold.

    Args:
        task: the short-circuit.
        result: what it returns.
        ignore_trigger_rules: skip everything below; else only the tasks directly below, and
            let the trigger rules of the others decide.

    Raises:
        DownstreamTasksSkipped: always.
    """
    if ignore_trigger_rules:
        raise DownstreamTasksSkipped(all_downstream=True, result=result)
    raise DownstreamTasksSkipped(tasks=sorted(task.downstream_task_ids), result=result)
