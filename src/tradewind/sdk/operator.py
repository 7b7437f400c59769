"""BaseOperator: what every task is.

The metaclass gives Airflow's authoring semantics: arguments are by keyword, `default_args` of
the DAG and of the task groups fill in parameters that are not given, by name and at every
class level, and an output given as an argument becomes a dependency.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tradewind.errors import DagError
from tradewind.model.spec import DEFAULT_POOL
from tradewind.model.state import TriggerRule
from tradewind.sdk.edges import Linkable
from tradewind.sdk.exceptions import DuplicateTaskIdFound, TaskDeferred
from tradewind.sdk.taskgroup import Context, TaskGroup
from tradewind.sdk.xcom_arg import PlainXComArg, XComArg, find_args

if TYPE_CHECKING:
    from tradewind.sdk.dag_definition import DAG

_TASK_ID = re.compile(r"[\w.\-]{1,250}")
_OLD_RULES = {"none_failed_or_skipped": "none_failed_min_one_success", "dummy": "always"}


class OperatorMeta(type):
    """Wrap each class's `__init__` to fill in default arguments."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> OperatorMeta:
        """Make an operator class."""
        cls = super().__new__(mcs, name, bases, namespace, **kwargs)
        if "__init__" in namespace:
            cls.__init__ = _with_defaults(namespace["__init__"])  # type: ignore[misc]
        return cls

    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Give the arguments that all mapped instances share."""
        return OperatorPartial(cls, kwargs)


def _with_defaults(init: Callable[..., None]) -> Callable[..., None]:
    parameters = inspect.signature(init).parameters
    names = {
        p.name
        for p in parameters.values()
        if p.kind in {p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD} and p.name != "self"
    }
    required = {n for n in names if parameters[n].default is inspect.Parameter.empty}

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        if args:
            raise TypeError(f"{type(self).__name__} takes its arguments by keyword only")
        defaults = _defaults(kwargs)
        for name in names & defaults.keys():
            kwargs.setdefault(name, defaults[name])
        missing = sorted(required - kwargs.keys())
        if missing:
            task = kwargs.get("task_id", "?")
            raise TypeError(
                f"task {task!r}: {type(self).__name__} needs the argument {', '.join(missing)}"
            )
        outermost = not getattr(self, "_initialising", False)
        if outermost:
            object.__setattr__(self, "_initialising", True)
        init(self, **kwargs)
        if outermost:
            object.__setattr__(self, "_initialising", False)
            self.depend_on_arguments()

    return wrapper


def _defaults(kwargs: dict[str, Any]) -> dict[str, Any]:
    group: TaskGroup | None = kwargs.get("task_group") or Context.group(kwargs.get("dag"))
    dag = kwargs.get("dag") or (group.dag if group else Context.dag())
    merged: dict[str, Any] = dict(dag.default_args) if dag else {}
    chain: list[TaskGroup] = []
    while group is not None:
        chain.append(group)
        group = group.parent_group
    for one in reversed(chain):
        merged |= one.default_args
    return merged | (kwargs.get("default_args") or {})


class BaseOperator(Linkable, metaclass=OperatorMeta):
    """A task. Subclasses implement `execute`; see Airflow's BaseOperator for the arguments.

    Raises:
        DagError: an argument is not right; the message names the task, the argument, the fix.
    """

    template_fields: ClassVar[Sequence[str]] = ()
    template_ext: ClassVar[Sequence[str]] = ()
    ui_color: str = "#fff"
    ui_fgcolor: str = "#000"
    is_sensor: ClassVar[bool] = False
    can_skip_downstream: ClassVar[bool] = False

    def __init__(
        self,
        *,
        task_id: str,
        owner: str = "airflow",
        email: Any = None,
        email_on_retry: bool = True,
        email_on_failure: bool = True,
        retries: int | None = 0,
        retry_delay: timedelta | float = timedelta(seconds=300),
        retry_exponential_backoff: float | bool = 0,
        max_retry_delay: timedelta | float | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        depends_on_past: bool = False,
        ignore_first_depends_on_past: bool = True,
        wait_for_past_depends_before_skipping: bool = False,
        wait_for_downstream: bool = False,
        dag: DAG | None = None,
        params: dict[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,
        priority_weight: int = 1,
        weight_rule: str = "downstream",
        queue: str | None = None,
        pool: str | None = None,
        pool_slots: int = 1,
        sla: Any = None,
        execution_timeout: timedelta | None = None,
        on_execute_callback: Any = None,
        on_failure_callback: Any = None,
        on_success_callback: Any = None,
        on_retry_callback: Any = None,
        on_skipped_callback: Any = None,
        pre_execute: Callable[..., Any] | None = None,
        post_execute: Callable[..., Any] | None = None,
        trigger_rule: str = "all_success",
        resources: Any = None,
        run_as_user: str | None = None,
        map_index_template: str | None = None,
        max_active_tis_per_dag: int | None = None,
        max_active_tis_per_dagrun: int | None = None,
        executor: str | None = None,
        executor_config: Any = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        inlets: Any = None,
        outlets: Any = None,
        task_group: TaskGroup | None = None,
        doc: str | None = None,
        doc_md: str | None = None,
        doc_json: str | None = None,
        doc_yaml: str | None = None,
        doc_rst: str | None = None,
        task_display_name: str | None = None,
        logger_name: str | None = None,
        allow_nested_operators: bool = True,
        render_template_as_native_obj: bool | None = None,
        **kwargs: Any,
    ) -> None:
        values = {k: v for k, v in locals().items() if k not in {"self", "kwargs", "__class__"}}
        if kwargs:
            raise TypeError(
                f"task {task_id!r}: {type(self).__name__} has no argument {min(kwargs)!r}"
            )
        if not _TASK_ID.fullmatch(task_id):
            raise DagError(
                f"task_id {task_id!r}: use letters, digits, '_', '-' and '.', at most 250 of them"
            )
        group = task_group or Context.group(dag)
        self.dag: DAG | None = dag or (group.dag if group else Context.dag())
        self.task_group = group
        self.task_id = group.child_id(task_id) if group else task_id
        for name in values.keys() - {"task_id", "dag", "task_group", "default_args"}:
            setattr(self, name, values[name])
        self.pre_execute = pre_execute
        self.post_execute = post_execute
        self.retry_delay = _as_delta(retry_delay)
        self.max_retry_delay = None if max_retry_delay is None else _as_delta(max_retry_delay)
        self.trigger_rule = _as_rule(self, trigger_rule)
        self.pool = pool or DEFAULT_POOL
        self.params = dict(params or {})
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self.is_setup = self.is_teardown = False
        self.on_failure_fail_dagrun = False
        self.is_mapped = False
        self.expand_input: dict[str, Any] | None = None
        self.mapped_over: dict[str, Any] = {}
        if self.dag is not None:
            self.dag.add_task(self)
        if group is not None:
            group.children.append(self)

    # ---- what subclasses do ---------------------------------------------------------------

    def execute(self, context: Any) -> Any:
        """Do the task's work; what it returns is pushed as the XCom `return_value`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement execute()")

    def on_kill(self) -> None:
        """Clean up when the task is stopped."""

    def defer(
        self,
        *,
        trigger: Any,
        method_name: str,
        kwargs: dict[str, Any] | None = None,
        timeout: timedelta | float | None = None,
    ) -> None:
        """Hand over to a trigger; `method_name` goes on when it fires.

        Raises:
            TaskDeferred: always.
        """
        raise TaskDeferred(
            trigger=trigger, method_name=method_name, kwargs=kwargs or {}, timeout=timeout
        )

    # ---- dependencies ---------------------------------------------------------------------

    def upstream_ends(self) -> Sequence[BaseOperator]:
        """Return this task."""
        return (self,)

    def downstream_ends(self) -> Sequence[BaseOperator]:
        """Return this task."""
        return (self,)

    def link_to(self, other: BaseOperator, label: str | None = None) -> None:
        """Make another task depend on this one."""
        if self.dag is None:
            self.dag = other.dag
            if self.dag is not None:
                self.dag.add_task(self)
        elif other.dag is None:
            other.dag = self.dag
            self.dag.add_task(other)
        elif self.dag is not other.dag:
            raise DagError(
                f"tasks {self.task_id!r} and {other.task_id!r} are in different DAGs "
                f"({self.dag.dag_id!r}, {other.dag.dag_id!r}); a dependency stays in one DAG"
            )
        self.downstream_task_ids.add(other.task_id)
        other.upstream_task_ids.add(self.task_id)
        if label and self.dag is not None:
            self.dag.edge_labels[self.task_id, other.task_id] = label

    def depend_on_arguments(self) -> None:
        """Make the tasks whose outputs are among the arguments upstreams of this one."""
        for name in (*self.template_fields, "mapped_over"):
            self._depend_on(getattr(self, name, None))

    def _depend_on(self, value: Any) -> None:
        for arg in find_args(value):
            for task in arg.tasks():
                if task is not self:
                    task.link_to(self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; an output set as a template field is a dependency."""
        object.__setattr__(self, name, value)
        if name in self.template_fields and not getattr(self, "_initialising", False):
            self._depend_on(value)

    @property
    def output(self) -> XComArg:
        """Return this task's output as an argument for others."""
        return PlainXComArg(self)

    def as_setup(self) -> BaseOperator:
        """Make this task a setup."""
        self.is_setup = True
        return self

    def as_teardown(self, setups: Any = None, on_failure_fail_dagrun: bool = False) -> BaseOperator:
        """Make this task a teardown of these setups."""
        self.is_teardown = True
        self.on_failure_fail_dagrun = on_failure_fail_dagrun
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        for setup in [] if setups is None else setups if isinstance(setups, list) else [setups]:
            task = setup.operator if isinstance(setup, PlainXComArg) else setup
            task.is_setup = True
            task.link_to(self)
        return self

    @property
    def dag_id(self) -> str:
        """Return the DAG's id."""
        return self.dag.dag_id if self.dag else ""

    @property
    def task_type(self) -> str:
        """Return the operator's name."""
        return str(getattr(self, "custom_operator_name", None) or type(self).__name__)

    def __repr__(self) -> str:
        """Return "<Task(Operator): id>"."""
        return f"<Task({self.task_type}): {self.task_id}>"


class OperatorPartial:
    """An operator with the arguments that all mapped instances share."""

    def __init__(self, cls: Any, kwargs: dict[str, Any]) -> None:
        self._cls = cls
        self._kwargs = kwargs

    def expand(self, **mapped: Any) -> Any:
        """Map over lists, dicts or outputs: one instance per element, cross product of several.

        Raises:
            DagError: nothing, or something that cannot be mapped over, is given.
        """
        if not mapped:
            raise DagError(f"{self._name()}: expand() needs at least one argument")
        for name, value in mapped.items():
            if not isinstance(value, list | tuple | dict | set | XComArg):
                raise DagError(
                    f"{self._name()}: expand({name}=…) takes a list, a dict or a task's output, "
                    f"not {type(value).__name__}"
                )
        return self._make(mapped)

    def expand_kwargs(self, mapped: Any, *, strict: bool = True) -> Any:
        """Map over dicts of arguments."""
        del strict  # accepted as in Airflow; unknown arguments always fail
        if not isinstance(mapped, list | tuple | XComArg):
            raise DagError(f"{self._name()}: expand_kwargs() takes a list of dicts or an output")
        return self._make({"": mapped})

    def _name(self) -> str:
        return f"{self._cls.__name__} {self._kwargs.get('task_id', '')!r}"

    def _make(self, mapped: dict[str, Any]) -> Any:
        signature = _all_parameters(self._cls)
        placeholders = {n: None for n in mapped if n and n in signature}
        task = self._cls(**{**placeholders, **self._kwargs})
        task.is_mapped = True
        task.expand_input = mapped
        task.mapped_over = mapped
        task.depend_on_arguments()
        return task


def _all_parameters(cls: type) -> set[str]:
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            names |= set(inspect.signature(vars(base)["__init__"]).parameters)
    return names


def _as_delta(value: timedelta | float) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def _as_rule(task: BaseOperator, rule: str) -> TriggerRule:
    text = str(getattr(rule, "value", rule))
    try:
        return TriggerRule(_OLD_RULES.get(text, text))
    except ValueError:
        known = ", ".join(TriggerRule)
        raise DagError(
            f"task {task.task_id!r}: trigger_rule {text!r} does not exist; use one of {known}"
        ) from None


def check_new(dag: DAG, task: BaseOperator) -> None:
    """Refuse a second task of the same id.

    Raises:
        DuplicateTaskIdFound: the DAG has a task or group of this id.
    """
    known = dag.task_dict.get(task.task_id)
    if known is not None and known is not task:
        raise DuplicateTaskIdFound(
            f"DAG {dag.dag_id!r} has a task {task.task_id!r} already; give this one another task_id"
        )
