"""What a plain task and a mapped task have in common: arguments, edges, place in the DAG.

The defaults of the scheduling arguments are class attributes; an instance holds what its
author set, and nothing else. So a task costs little, and a subclass may change a default by
naming it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tradewind.errors import DagError
from tradewind.model.spec import DEFAULT_POOL
from tradewind.model.state import TriggerRule, WeightRule
from tradewind.sdk import arguments, defaults, scope
from tradewind.sdk.edges import DependencyMixin
from tradewind.sdk.references import iter_references
from tradewind.sdk.xcom_arg import PlainXComArg

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG
    from tradewind.sdk.mapping import ExpandInput
    from tradewind.sdk.params import ParamsDict
    from tradewind.sdk.taskgroup import MappedTaskGroup, TaskGroup


class AbstractOperator(DependencyMixin):
    """A task of a DAG, mapped or not. Author's classes derive from `BaseOperator`."""

    # ---- what a class of operators says about itself -------------------------------------
    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()
    template_fields_renderers: Mapping[str, str] = {}
    operator_extra_links: Sequence[Any] = ()
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    shallow_copy_attrs: Sequence[str] = ()
    start_trigger_args: Any = None
    start_from_trigger: bool = False
    overwrite_rtif_after_execution: bool = False
    """Show the template fields as they are after the task ran: it sets some of them itself."""
    inherits_from_empty_operator: bool = False
    """True where `execute` does nothing: such a task is done without a process."""
    inherits_from_skipmixin: bool
    """Set by SkipMixin alone, which comes after this class in an operator's line of bases. True
    where `execute` may name downstream tasks to skip."""

    # ---- scheduling arguments and their defaults -----------------------------------------
    task_id: str
    owner: str = "airflow"
    email: str | Sequence[str] | None = None
    email_on_retry: bool = True
    email_on_failure: bool = True
    retries: int = 0
    retry_delay: timedelta = timedelta(seconds=300)
    retry_exponential_backoff: float = 0.0
    max_retry_delay: timedelta | None = None
    retry_policy: Any = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    depends_on_past: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    wait_for_downstream: bool = False
    priority_weight: int = 1
    weight_rule: Any = WeightRule.DOWNSTREAM
    queue: str | None = None
    pool: str = DEFAULT_POOL
    pool_slots: int = 1
    sla: Any = None
    execution_timeout: timedelta | None = None
    on_execute_callback: Sequence[arguments.Callback] = ()
    on_failure_callback: Sequence[arguments.Callback] = ()
    on_success_callback: Sequence[arguments.Callback] = ()
    on_retry_callback: Sequence[arguments.Callback] = ()
    on_skipped_callback: Sequence[arguments.Callback] = ()
    _pre_execute_hook: arguments.Callback | None = None
    _post_execute_hook: arguments.Callback | None = None
    trigger_rule: TriggerRule | str = TriggerRule.ALL_SUCCESS
    resources: Mapping[str, Any] | None = None
    run_as_user: str | None = None
    map_index_template: str | None = None
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    executor: str | None = None
    executor_config: Mapping[str, Any] = {}
    do_xcom_push: bool = True
    multiple_outputs: bool = False
    inlets: list[Any]
    outlets: list[Any]
    doc: str | None = None
    doc_md: str | None = None
    doc_json: str | None = None
    doc_yaml: str | None = None
    doc_rst: str | None = None
    logger_name: str | None = None
    allow_nested_operators: bool = True
    render_template_as_native_obj: bool | None = None

    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    is_mapped: ClassVar[bool] = False

    params: ParamsDict
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]
    _task_display_name: str | None = None
    _dag: DAG | None = None
    _task_group: TaskGroup | None = None
    _constructing: Any = None
    _is_locked: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Check what an author sets after construction as if it had been an argument."""
        if self._constructing is None and not self._is_locked and not name.startswith("_"):
            check = arguments.CHECKS.get(name)
            if check is not None:
                value = arguments.checked(check, self.described, name, value)
            object.__setattr__(self, name, value)
            if name in self.template_fields:
                self.depend_on_references(value)
            return
        object.__setattr__(self, name, value)

    def depend_on_references(self, value: Any) -> None:
        """Make this task depend on the tasks whose outputs are in this value."""
        for task in iter_references(value):
            if task is not self and task.task_id not in self.upstream_task_ids:
                self.set_upstream(task)

    # ---- where it is ----------------------------------------------------------------------

    @property
    def described(self) -> str:
        """The task and its DAG, as error messages name them."""
        dag = f"DAG {self._dag.dag_id!r}, " if self._dag is not None else ""
        return f"{dag}task {getattr(self, 'task_id', '?')!r}"

    @property
    def dag(self) -> DAG:
        """The DAG that the task is in.

        Raises:
            NoDagError: it is in none yet.
        """
        if self._dag is None:
            raise arguments.NoDagError(
                f"task {self.task_id!r} is in no DAG yet; make it inside `with DAG(...):` or "
                "pass it dag="
            )
        return self._dag

    @dag.setter
    def dag(self, dag: DAG) -> None:
        if self._dag is dag:
            return
        if self._dag is not None:
            raise DagError(
                f"task {self.task_id!r} is in DAG {self._dag.dag_id!r} and cannot be put into "
                f"{dag.dag_id!r} as well; make a second task"
            )
        dag.add_task(self)

    def has_dag(self) -> bool:
        """Tell whether the task is in a DAG."""
        return self._dag is not None

    def get_dag(self) -> DAG | None:
        """Return the DAG, or None."""
        return self._dag

    @property
    def dag_id(self) -> str:
        """The id of the DAG."""
        return self._dag.dag_id if self._dag is not None else f"adhoc_{self.owner}"

    @property
    def task_group(self) -> TaskGroup | None:
        """The group that the task is in; the DAG's root group at least."""
        return self._task_group

    @property
    def node_id(self) -> str:
        """The task's id; groups have the property too."""
        return self.task_id

    @property
    def label(self) -> str:
        """The task's id without the prefix of its group."""
        group = self._task_group
        if group is not None and group.prefix_group_id and group.node_id:
            return self.task_id.removeprefix(f"{group.node_id}.")
        return self.task_id

    @property
    def task_display_name(self) -> str:
        """What the UI shows instead of the id."""
        return self._task_display_name or self.task_id

    @property
    def task_type(self) -> str:
        """The name of the operator's class."""
        return type(self).__name__

    @property
    def operator_name(self) -> str:
        """The name of the operator as people know it: "BashOperator", "@task"."""
        return getattr(self, "custom_operator_name", None) or self.task_type

    @property
    def log(self) -> logging.Logger:
        """The logger for what the operator says."""
        name = self.logger_name or f"{type(self).__module__}.{type(self).__qualname__}"
        return logging.getLogger(f"tradewind.task.operators.{name}")

    # ---- edges ----------------------------------------------------------------------------

    @property
    def roots(self) -> Sequence[AbstractOperator]:
        """The task itself: an edge into it leads to it."""
        return (self,)

    @property
    def leaves(self) -> Sequence[AbstractOperator]:
        """The task itself: an edge out of it comes from it."""
        return (self,)

    @property
    def upstream_list(self) -> list[AbstractOperator]:
        """The tasks that this one directly depends on."""
        return self.get_direct_relatives(upstream=True)

    @property
    def downstream_list(self) -> list[AbstractOperator]:
        """The tasks that directly depend on this one."""
        return self.get_direct_relatives(upstream=False)

    def get_direct_relative_ids(self, upstream: bool = False) -> set[str]:
        """Return the ids of the neighbours on one side."""
        return self.upstream_task_ids if upstream else self.downstream_task_ids

    def get_direct_relatives(self, upstream: bool = False) -> list[AbstractOperator]:
        """Return the neighbours on one side."""
        return [self.dag.get_task(i) for i in sorted(self.get_direct_relative_ids(upstream))]

    def get_flat_relative_ids(self, *, upstream: bool = False) -> set[str]:
        """Return the ids of all tasks on one side, however far."""
        tasks = self.dag.task_dict
        found: set[str] = set()
        open_ids = list(self.get_direct_relative_ids(upstream))
        while open_ids:
            task_id = open_ids.pop()
            if task_id not in found:
                found.add(task_id)
                open_ids += tasks[task_id].get_direct_relative_ids(upstream)
        return found

    def get_flat_relatives(self, upstream: bool = False) -> list[AbstractOperator]:
        """Return all tasks on one side, however far."""
        return [self.dag.get_task(i) for i in sorted(self.get_flat_relative_ids(upstream=upstream))]

    @property
    def output(self) -> PlainXComArg:
        """What the task returns, as a placeholder to pass to other tasks."""
        return PlainXComArg(self)

    # ---- mapping --------------------------------------------------------------------------

    def iter_mapped_task_groups(self) -> Iterator[MappedTaskGroup]:
        """Yield the mapped groups that the task is in, innermost first."""
        group = self._task_group
        while group is not None:
            if group.is_mapped:
                yield group  # type: ignore[misc] # only MappedTaskGroup says so
            group = group.parent_group

    def get_closest_mapped_task_group(self) -> MappedTaskGroup | None:
        """Return the innermost mapped group that the task is in."""
        return next(self.iter_mapped_task_groups(), None)

    @property
    def expand_input(self) -> ExpandInput | None:
        """What the task is expanded over; None for a plain task."""
        return None

    # ---- mail -----------------------------------------------------------------------------

    def wants_mail(self, kind: str) -> bool:
        """Tell whether mail is wanted when the task fails ("failure") or is tried again ("retry").

        What the author did not say is as the deployment's defaults have it.
        """
        name = f"email_on_{kind}"
        if not self.email or kind not in {"failure", "retry"} or not getattr(self, name):
            return False
        usual = defaults.current()
        wanted = usual.email_on_failure if kind == "failure" else usual.email_on_retry
        return wanted or name in self.__dict__

    # ---- assets ---------------------------------------------------------------------------

    def add_inlets(self, inlets: Iterable[Any]) -> None:
        """Add assets that the task reads."""
        self.inlets.extend(inlets)

    def add_outlets(self, outlets: Iterable[Any]) -> None:
        """Add assets that the task updates."""
        self.outlets.extend(outlets)

    # ---- setup and teardown ---------------------------------------------------------------

    def as_setup(self) -> Self:
        """Make this a setup task: cleared together with the work that needs it."""
        if self.is_teardown:
            raise DagError(f"{self.described}: a teardown cannot be a setup as well")
        self.is_setup = True
        return self

    def as_teardown(
        self,
        *,
        setups: DependencyMixin | Iterable[DependencyMixin] | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Make this a teardown task: it runs once its setups succeeded, however the work ended.

        Args:
            setups: tasks to make setups of this teardown.
            on_failure_fail_dagrun: let the run fail when this task fails.
        """
        if self.is_setup:
            raise DagError(f"{self.described}: a setup cannot be a teardown as well")
        self.is_teardown = True
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        if setups is not None:
            for node in [setups] if isinstance(setups, DependencyMixin) else list(setups):
                for setup in node.leaves:
                    setup.as_setup()
                self.set_upstream(node)
        return self

    def __enter__(self) -> SetupTeardownScope:
        """Start a block whose tasks run between this task's setups and teardowns."""
        if not self.is_setup and not self.is_teardown:
            raise DagError(
                f"{self.described}: only a setup or teardown task can be used with `with`; "
                "call .as_teardown(setups=...) first"
            )
        return SetupTeardownScope(scope.start_collecting())

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        """Join the block's tasks with the setups before and the teardowns behind."""
        work = scope.stop_collecting()
        if kind is not None or not work:
            return
        setups = [self] if self.is_setup else [t for t in self.upstream_list if t.is_setup]
        downs = [self] if self.is_teardown else [t for t in self.downstream_list if t.is_teardown]
        inside = {task.task_id for task in work}
        for task in work:
            if inside.isdisjoint(task.upstream_task_ids):
                for setup in setups:
                    setup.set_downstream(task)
            if inside.isdisjoint(task.downstream_task_ids) and not task.is_teardown:
                for down in downs:
                    task.set_downstream(down)


class SetupTeardownScope:
    """What `with teardown as scope:` gives."""

    def __init__(self, tasks: list[AbstractOperator]) -> None:
        self._tasks = tasks

    def add_task(self, task: DependencyMixin) -> None:
        """Count a task that was made outside as part of the block."""
        self._tasks.extend(task.roots)
