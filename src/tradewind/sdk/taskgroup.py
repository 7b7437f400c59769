"""Task groups: tasks that belong together in the DAG's picture, and may be mapped together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from tradewind.errors import DagError
from tradewind.sdk import scope
from tradewind.sdk.arguments import check_key
from tradewind.sdk.edges import DependencyMixin
from tradewind.sdk.exceptions import DuplicateTaskIdFound, TaskAlreadyInTaskGroup

if TYPE_CHECKING:
    from tradewind.sdk.abstract_operator import AbstractOperator
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.mapping import ExpandInput

UI_COLOR = "CornflowerBlue"
UI_FGCOLOR = "#000"


class TaskGroup(DependencyMixin):
    """A group of tasks. Tasks made in its `with` block are in it; groups can be nested.

    Args:
        group_id: unique among the groups and tasks of the DAG; the enclosing group's id is put
            before it.
        prefix_group_id: put this group's id before the ids of what is in it.
        parent_group: the enclosing group; by default the one whose block is open.
        dag: the DAG; by default the one whose block is open.
        default_args: default arguments of the tasks in the group, over the DAG's.
        tooltip: shown over the group.
        doc_md: its documentation.
        ui_color: its colour.
        ui_fgcolor: its text's colour.
        add_suffix_on_collision: make the id unique with `__1`, `__2`, ... if it is taken.
        group_display_name: shown instead of the id.

    Raises:
        DagError: the id cannot be or is taken, or there is no DAG.
    """

    is_mapped = False
    expand_input: ExpandInput | None = None

    def __init__(
        self,
        group_id: str | None,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: DAG | None = None,
        default_args: Mapping[str, Any] | None = None,
        tooltip: str = "",
        doc_md: str | None = None,
        ui_color: str = UI_COLOR,
        ui_fgcolor: str = UI_FGCOLOR,
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
    ) -> None:
        self.prefix_group_id = prefix_group_id
        self.default_args = dict(default_args or {})
        self.tooltip = tooltip
        self.doc_md = doc_md
        self.ui_color = ui_color
        self.ui_fgcolor = ui_fgcolor
        self._group_display_name = group_display_name
        self.children: dict[str, AbstractOperator | TaskGroup] = {}
        if group_id is None:
            if dag is None:
                raise DagError("a task group needs a group_id")
            self.dag = dag
            self.parent_group: TaskGroup | None = None
            self._group_id: str | None = None
            return
        if dag is None:
            dag = parent_group.dag if parent_group is not None else scope.current_dag()
        if dag is None:
            raise DagError(
                f"task group {group_id!r} is in no DAG; "
                "make it inside `with DAG(...):` or pass dag="
            )
        self.dag = dag
        self.parent_group = parent_group or scope.current_group(dag) or dag.task_group
        self._group_id = self._checked_id(group_id, add_suffix=add_suffix_on_collision)
        dag.task_group_dict[self.node_id] = self
        self.parent_group.children[self.node_id] = self

    def _checked_id(self, group_id: str, *, add_suffix: bool) -> str:
        try:
            check_key("group_id", group_id, dots=False)
        except DagError as error:
            raise type(error)(f"DAG {self.dag.dag_id!r}: {error}") from None
        parent = self.parent_group
        free = self.dag.free_id(group_id, parent)
        if free != group_id and not add_suffix:
            full = parent.child_id(group_id) if parent is not None else group_id
            raise DuplicateTaskIdFound(
                f"DAG {self.dag.dag_id!r} has a task or group {full!r} already; give this group "
                "another group_id, or add_suffix_on_collision=True"
            )
        return free

    # ---- names ----------------------------------------------------------------------------

    @property
    def group_id(self) -> str | None:
        """The full id, with the enclosing groups'; None for the DAG's root group."""
        if self._group_id is None or self.parent_group is None:
            return self._group_id
        return self.parent_group.child_id(self._group_id)

    @property
    def node_id(self) -> str:
        """The full id; tasks have the property too."""
        return self.group_id or ""

    @property
    def dag_id(self) -> str:
        """The DAG's id; tasks have the property too."""
        return self.dag.dag_id

    @property
    def label(self) -> str | None:
        """The id without the enclosing groups'."""
        return self._group_id

    @property
    def group_display_name(self) -> str:
        """What the UI shows instead of the id."""
        return self._group_display_name or self.label or ""

    @property
    def is_root(self) -> bool:
        """Whether this is the DAG's own group, which has no id."""
        return self._group_id is None

    @property
    def task_group(self) -> TaskGroup | None:
        """The enclosing group; tasks have the property too."""
        return self.parent_group

    def child_id(self, label: str) -> str:
        """Return the full id of a task or group with this label in this group."""
        if self.prefix_group_id and self._group_id is not None:
            return f"{self.group_id}.{label}"
        return label

    @property
    def effective_default_args(self) -> Mapping[str, Any]:
        """The default arguments in force in this group: the DAG's under the groups'."""
        outer = (
            self.parent_group.effective_default_args
            if self.parent_group is not None
            else self.dag.default_args
        )
        return {**outer, **self.default_args} if self.default_args else outer

    # ---- content --------------------------------------------------------------------------

    def add(self, task: AbstractOperator) -> AbstractOperator:
        """Put a task into the group."""
        if task.task_group is not None and task.task_group is not self:
            raise TaskAlreadyInTaskGroup(
                f"{task.described} is in group {task.task_group.group_id!r} and cannot be put "
                f"into {self.group_id!r} as well"
            )
        self.children[task.task_id] = task
        object.__setattr__(task, "_task_group", self)
        return task

    def iter_tasks(self) -> Iterator[AbstractOperator]:
        """Yield the tasks of this group and of the groups in it, in the order of definition."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child.iter_tasks()
            else:
                yield child

    def get_child_by_label(self, label: str) -> AbstractOperator | TaskGroup:
        """Return the task or group with this label."""
        return self.children[self.child_id(label)]

    def get_task_group_dict(self) -> dict[str | None, TaskGroup]:
        """Return this group and those in it by their full ids."""
        found: dict[str | None, TaskGroup] = {self.group_id: self}
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                found.update(child.get_task_group_dict())
        return found

    @property
    def roots(self) -> Sequence[AbstractOperator]:
        """The tasks with no upstream task in the group."""
        tasks = list(self.iter_tasks())
        inside = {task.task_id for task in tasks}
        return [task for task in tasks if inside.isdisjoint(task.upstream_task_ids)]

    @property
    def leaves(self) -> Sequence[AbstractOperator]:
        """The tasks with no downstream task in the group; teardowns do not count."""
        work = [task for task in self.iter_tasks() if not task.is_teardown]
        inside = {task.task_id for task in work}
        found = [t for t in work if inside.isdisjoint(t.downstream_task_ids)]
        # A setup with nothing but its teardown behind it is no end of the work.
        without_setups = [task for task in found if not task.is_setup]
        return without_setups or found

    def get_roots(self) -> Iterator[AbstractOperator]:
        """Yield the tasks with no upstream task in the group."""
        yield from self.roots

    def get_leaves(self) -> Iterator[AbstractOperator]:
        """Yield the tasks with no downstream task in the group; teardowns do not count."""
        yield from self.leaves

    # ---- blocks ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Put the tasks that follow into this group."""
        scope.enter_group(self)
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        scope.leave_group()

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.node_id or '(root)'}>"


class MappedTaskGroup(TaskGroup):
    """A group with one instance of all its tasks for each element."""

    is_mapped = True

    def __init__(self, *, expand_input: ExpandInput, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expand_input: ExpandInput = expand_input

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        """Let the whole group wait for what it is expanded over."""
        if kind is None:
            assert self.expand_input is not None
            for task, _ in self.expand_input.iter_references():
                self.set_upstream(task)
        super().__exit__(kind, value, traceback)
