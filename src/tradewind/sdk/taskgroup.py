"""Task groups, and the stack of DAGs and groups that `with` blocks are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from tradewind.errors import DagError
from tradewind.sdk.edges import Linkable

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.operator import BaseOperator


class Context:
    """Which DAG and group a new task belongs to: the innermost open `with` blocks."""

    dags: list[DAG] = []  # noqa: RUF012  one stack per process is the design
    groups: list[TaskGroup] = []  # noqa: RUF012

    @classmethod
    def dag(cls) -> DAG | None:
        """Return the innermost open DAG."""
        return cls.dags[-1] if cls.dags else None

    @classmethod
    def group(cls, dag: DAG | None) -> TaskGroup | None:
        """Return the innermost open group of a DAG."""
        if cls.groups and (dag is None or cls.groups[-1].dag is dag):
            return cls.groups[-1]
        return None


class TaskGroup(Linkable):
    """A group of tasks, drawn as one box; its id prefixes theirs.

    Args:
        group_id: the id inside the parent group.
        prefix_group_id: whether the tasks' ids start with "<group_id>.".
        parent_group: the group around it; by default that of the open `with` block.
        dag: the DAG; by default that of the open `with` block.
        default_args: arguments for the group's tasks, over the DAG's.
        tooltip, doc_md, ui_color, ui_fgcolor, group_display_name: for the UI.
        add_suffix_on_collision: number the id when it is taken, instead of refusing.
    """

    def __init__(
        self,
        group_id: str,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        doc_md: str | None = None,
        ui_color: str = "CornflowerBlue",
        ui_fgcolor: str = "#000",
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
    ) -> None:
        self.parent_group = parent_group or Context.group(dag)
        found = dag or (self.parent_group.dag if self.parent_group else Context.dag())
        if found is None:
            raise DagError(f"task group {group_id!r} is not in a DAG; open it inside `with DAG(…)`")
        self.dag: DAG = found
        self.prefix_group_id = prefix_group_id
        self.label = group_id
        self.default_args = dict(default_args or {})
        self.tooltip, self.doc_md = tooltip, doc_md
        self.ui_color, self.ui_fgcolor = ui_color, ui_fgcolor
        self.group_display_name = group_display_name
        self.children: list[BaseOperator | TaskGroup] = []
        self.expand_input: dict[str, Any] | None = None
        self.group_id = self._free_id(group_id, add_suffix=add_suffix_on_collision)
        self.dag.task_groups[self.group_id] = self
        if self.parent_group is not None:
            self.parent_group.children.append(self)

    def _free_id(self, group_id: str, *, add_suffix: bool) -> str:
        full = self.parent_group.child_id(group_id) if self.parent_group else group_id
        if full not in self.dag.task_groups and full not in self.dag.task_dict:
            return full
        if not add_suffix:
            raise DagError(f"DAG {self.dag.dag_id!r} has a task or group {full!r} already")
        number = 1
        while f"{full}__{number}" in self.dag.task_groups:
            number += 1
        return f"{full}__{number}"

    def child_id(self, name: str) -> str:
        """Return the full id of a task or group of this name inside this group."""
        if self.prefix_group_id:
            return f"{self.group_id}.{name}"
        return self.parent_group.child_id(name) if self.parent_group else name

    def __enter__(self) -> Self:
        """Put new tasks in this group."""
        Context.groups.append(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop putting new tasks in this group."""
        Context.groups.pop()

    def tasks(self) -> list[BaseOperator]:
        """Return the tasks of this group and the groups in it."""
        found: list[BaseOperator] = []
        for child in self.children:
            found.extend(child.tasks() if isinstance(child, TaskGroup) else [child])
        return found

    def upstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks that start the group."""
        ids = {t.task_id for t in self.tasks()}
        return [t for t in self.tasks() if not t.upstream_task_ids & ids]

    def downstream_ends(self) -> Sequence[BaseOperator]:
        """Return the tasks that end the group, teardowns left out."""
        ids = {t.task_id for t in self.tasks() if not t.is_teardown}
        return [t for t in self.tasks() if not t.downstream_task_ids & ids and not t.is_teardown]
