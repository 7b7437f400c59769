"""From a DAG of objects to a `DagSpec`: what the processor publishes and servers work with.

The result depends on nothing but the DAG file: tasks are in topological order, ties in the
order of definition, and sets are sorted. So the same file gives the same bytes in every
process, and a DAG's version rises only when something in it changed.

What can only be judged with the whole DAG at hand is checked here: cycles, setups and
teardowns, params, the schedule. Every error names the DAG, the task and the argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from tradewind.errors import DagError
from tradewind.model.defaults import DagDefaults
from tradewind.model.schedule import (
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    ScheduleSpec,
)
from tradewind.model.spec import (
    DagSpec,
    EdgeLabel,
    ExpandSpec,
    GroupSpec,
    MapConcat,
    MapLiteral,
    MapSource,
    MapXCom,
    MapZip,
    ParamSpec,
    TaskSpec,
)
from tradewind.model.state import TriggerRule, WeightRule
from tradewind.sdk import arguments, executor_config
from tradewind.sdk.abstract_operator import AbstractOperator
from tradewind.sdk.assets import as_refs
from tradewind.sdk.dag_definition import DAG
from tradewind.sdk.dag_graph import groups_of, topological_order
from tradewind.sdk.defaults import current
from tradewind.sdk.exceptions import FailFastDagInvalidTriggerRule, ParamValidationError
from tradewind.sdk.listener import get_listener_manager
from tradewind.sdk.mapping import ExpandInput
from tradewind.sdk.moments import plain_utc
from tradewind.sdk.params import NOT_GIVEN
from tradewind.sdk.schedules import may_start_by_itself, schedule_of, timezone_of
from tradewind.sdk.taskgroup import UI_COLOR, UI_FGCOLOR, TaskGroup
from tradewind.sdk.watchers import watchers_of
from tradewind.sdk.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, ZipXComArg

_TASK_CALLBACKS = ("execute", "success", "failure", "retry", "skipped")
_NO_OP_FREE = ("execute", "success")
"""Callbacks that an EmptyOperator must not have to be done without a process."""


def to_spec(
    dag: DAG,
) -> DagSpec:
    """Return the DAG as data.

    Args:
        dag: the DAG; what it does not say is as the deployment's defaults have it.

    Raises:
        DagError: the DAG is not right; names the DAG, the task, the argument and the fix.
    """
    defaults = current()
    order = topological_order(dag)
    index = {task.task_id: i for i, task in enumerate(order)}
    schedule = schedule_of(dag, defaults)
    _check_setups(order)
    _check_params(dag, must_have_values=may_start_by_itself(schedule))
    _check_start(dag, schedule)
    return DagSpec(
        dag_id=dag.dag_id,
        tasks=tuple(_task_spec(dag, task, index) for task in order),
        groups=tuple(_group_spec(group, index) for group in groups_of(dag)),
        edge_labels=_edge_labels(dag, index),
        schedule=schedule,
        timezone=timezone_of(dag),
        start_date=_utc(dag.start_date),
        end_date=_utc(dag.end_date),
        catchup=_catchup(dag, defaults),
        always_dated=dag.means.airflow == 2,
        max_active_runs=dag.max_active_runs or defaults.max_active_runs,
        max_active_tasks=dag.max_active_tasks or defaults.max_active_tasks,
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        dagrun_timeout_s=_seconds(dag.dagrun_timeout),
        fail_fast=dag.fail_fast,
        allowed_run_types=dag.allowed_run_types,
        is_paused_upon_creation=dag.is_paused_upon_creation,
        rerun_with_latest_version=dag.rerun_with_latest_version,
        display_name=dag._dag_display_name,  # noqa: SLF001  None where the id is shown
        description=dag.description,
        doc_md=dag.doc_md,
        tags=tuple(sorted(dag.tags)),
        owner_links=dict(dag.owner_links),
        access_control=_access_control(dag),
        params={name: _param_spec(param) for name, param in dag.params.items()},
        callbacks=_callbacks(dag, ("success", "failure")),
        run_listeners=tuple(
            state
            for state in ("running", "success", "failed")
            if get_listener_manager().listens(f"on_dag_run_{state}")
        ),
        deadlines=tuple(alert.as_spec() for alert in dag.deadline or ()),
        watchers=watchers_of(dag, defaults),
    )


def _task_spec(dag: DAG, task: AbstractOperator, index: Mapping[str, int]) -> TaskSpec:
    cls = getattr(task, "operator_class", type(task))
    group = task.task_group
    rule, weight = _weight(task)
    return TaskSpec(
        task_id=task.task_id,
        operator=task.operator_name,
        upstream=tuple(sorted(index[task_id] for task_id in task.upstream_task_ids)),
        trigger_rule=_trigger_rule(dag, task),
        group_id=group.group_id if group is not None else None,
        expand=_expand_spec(task.expand_input, index),
        owner=str(task.owner),
        display_name=task._task_display_name,  # noqa: SLF001  None where the id is shown
        doc_md=task.doc_md or task.doc,
        map_index_template=task.map_index_template,
        **_about_time(task),
        start_date=_later(task.start_date, dag.start_date),
        end_date=_earlier(task.end_date, dag.end_date),
        pool=task.pool,
        pool_slots=task.pool_slots,
        priority_weight=weight,
        weight_rule=rule,
        queue=task.queue,
        executor=task.executor,
        executor_config=executor_config.as_json(task.task_id, task.executor_config),
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        no_op=_is_no_op(task, cls),
        reschedule_mode=_own(task, "mode") == "reschedule",
        can_skip_downstream=bool(getattr(task, "inherits_from_skipmixin", False)),
        callbacks=_owed(task),
        inlets=as_refs(task.described, "inlets", task.inlets),
        outlets=as_refs(task.described, "outlets", task.outlets),
        do_xcom_push=bool(task.do_xcom_push),
        template_fields=tuple(task.template_fields),
        ui_color=_unless(task.ui_color, AbstractOperator.ui_color),
        ui_fgcolor=_unless(task.ui_fgcolor, AbstractOperator.ui_fgcolor),
        extra_links=tuple(str(link.name) for link in task.operator_extra_links),
    )


def _catchup(dag: DAG, defaults: DagDefaults) -> bool:
    """Return whether the DAG catches up; Airflow 2's default counts only where it is asked for."""
    if dag.catchup is not None:
        return bool(dag.catchup)
    means = dag.means
    return defaults.catchup or (means.said and means.airflow == 2 and dag.start_date is not None)


def _check_start(dag: DAG, schedule: ScheduleSpec) -> None:
    """Refuse to catch up from no date."""
    timed = isinstance(schedule, CronTrigger | CronInterval | DeltaTrigger | DeltaInterval)
    dates = (dag.start_date, *(task.start_date for task in dag.tasks))
    if dag.catchup and timed and not any(dates):
        raise DagError(
            f"DAG {dag.dag_id!r}: catchup=True needs a start_date to catch up from; give the DAG "
            "one, or leave catchup out"
        )


def _about_time(task: AbstractOperator) -> dict[str, Any]:
    """Return the fields about retries, time limits and earlier runs."""
    return {
        "retries": task.retries,
        "retry_delay_s": task.retry_delay.total_seconds(),
        "retry_backoff": task.retry_exponential_backoff,
        "max_retry_delay_s": _seconds(task.max_retry_delay),
        "execution_timeout_s": _seconds(task.execution_timeout),
        "depends_on_past": bool(task.depends_on_past),
        "ignore_first_depends_on_past": bool(task.ignore_first_depends_on_past),
        "wait_for_past_depends_before_skipping": bool(task.wait_for_past_depends_before_skipping),
        "wait_for_downstream": bool(task.wait_for_downstream),
    }


def _own(task: AbstractOperator, name: str) -> Any:
    """Return an argument of the operator's own, also of one that is mapped."""
    constant: Mapping[str, Any] = getattr(task, "partial_kwargs", {})
    return constant.get(name, getattr(task, name, None))


def _is_no_op(task: AbstractOperator, cls: type) -> bool:
    """Tell whether the task can be done without running anything."""
    if not task.inherits_from_empty_operator or task.outlets or task.inlets:
        return False
    if task._pre_execute_hook or task._post_execute_hook:  # noqa: SLF001  what the author gave
        return False
    if any(getattr(task, f"on_{kind}_callback") for kind in _NO_OP_FREE):
        return False
    # A subclass that gave execute() a body wants it to run.
    owner = next((c for c in cls.__mro__ if "execute" in vars(c)), None)
    return owner is not None and bool(vars(owner).get("inherits_from_empty_operator"))


def _trigger_rule(dag: DAG, task: AbstractOperator) -> TriggerRule:
    rule = arguments.trigger_rule(task.trigger_rule)
    if dag.fail_fast and rule is not TriggerRule.ALL_SUCCESS and not task.is_teardown:
        raise FailFastDagInvalidTriggerRule(
            f"{task.described}: trigger_rule: with fail_fast a DAG's tasks can have no other rule "
            f"than 'all_success', not {rule.value!r}"
        )
    return rule


def _weight(task: AbstractOperator) -> tuple[str, int]:
    """Return the weight rule and the weight; a strategy of the author's is asked here."""
    rule = task.weight_rule
    if isinstance(rule, WeightRule):
        return rule.value, task.priority_weight
    strategy = _imported(task, rule) if isinstance(rule, str) else rule
    if isinstance(strategy, type):
        strategy = strategy()
    ti = SimpleNamespace(
        task=task,
        task_id=task.task_id,
        dag_id=task.dag_id,
        map_index=-1,
        try_number=1,
        priority_weight=task.priority_weight,
    )
    try:
        return "custom", int(strategy.get_weight(ti))
    except Exception as error:
        raise DagError(
            f"{task.described}: weight_rule: get_weight() of {type(strategy).__name__} failed: "
            f"{type(error).__name__}: {error}"
        ) from error


def _imported(task: AbstractOperator, path: str) -> Any:
    import importlib  # noqa: PLC0415  nearly no DAG needs it

    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DagError(f"{task.described}: weight_rule: {path!r} is not there: {error}") from error


# ---- mapping ----------------------------------------------------------------------------


def _expand_spec(source: ExpandInput | None, index: Mapping[str, int]) -> ExpandSpec | None:
    if source is None:
        return None
    return ExpandSpec(sources=tuple((k, _source(v, index)) for k, v in source.sources.items()))


def _source(value: Any, index: Mapping[str, int]) -> MapSource:
    if isinstance(value, PlainXComArg):
        return MapXCom(task=index[value.operator.task_id], key=value.key)
    if isinstance(value, MapXComArg):
        return _source(value.arg, index)
    if isinstance(value, ZipXComArg):
        parts = tuple(_source(arg, index) for arg in value.args)
        return MapZip(parts=parts, longest=value.to_longest)
    if isinstance(value, ConcatXComArg):
        return MapConcat(parts=tuple(_source(arg, index) for arg in value.args))
    return MapLiteral(length=len(value))


def _group_spec(group: TaskGroup, index: Mapping[str, int]) -> GroupSpec:
    parent = group.parent_group
    return GroupSpec(
        group_id=group.node_id,
        parent=parent.group_id if parent is not None else None,
        label=group.group_display_name or None,
        tooltip=group.tooltip,
        doc_md=group.doc_md,
        ui_color=_unless(group.ui_color, UI_COLOR),
        ui_fgcolor=_unless(group.ui_fgcolor, UI_FGCOLOR),
        expand=_expand_spec(group.expand_input, index),
    )


def _edge_labels(dag: DAG, index: Mapping[str, int]) -> tuple[EdgeLabel, ...]:
    found = [
        (index[up], index[down], str(info["label"]))
        for up, downs in dag.edge_info.items()
        for down, info in downs.items()
        if up in index and down in index and info.get("label")
    ]
    return tuple(EdgeLabel(*edge) for edge in sorted(found))


# ---- checks of the whole ----------------------------------------------------------------


def _check_setups(tasks: Iterable[AbstractOperator]) -> None:
    """Refuse a rule that would start the work although its setup failed.

    Raises:
        DagError: a task directly behind a setup has another rule than all_success.
    """
    for task in tasks:
        if not task.is_setup:
            continue
        for below in task.downstream_list:
            if below.is_teardown or below.trigger_rule == TriggerRule.ALL_SUCCESS:
                continue
            raise DagError(
                f"{below.described}: trigger_rule: a task directly behind a setup "
                f"({task.task_id!r}) must have 'all_success', not {str(below.trigger_rule)!r}"
            )


def _check_params(dag: DAG, *, must_have_values: bool) -> None:
    """Refuse params that a scheduled run could not start with.

    Raises:
        DagError: a default does not fit its schema, or there is none on a scheduled DAG.
    """
    for name, param in dag.params.items():
        if not must_have_values:
            continue
        try:
            param.resolve()
        except ParamValidationError as error:
            raise DagError(
                f"DAG {dag.dag_id!r}: param {name!r}: {error}; a DAG with a schedule needs a "
                "default that fits for every param, or schedule=None"
            ) from None


# ---- small things -----------------------------------------------------------------------


def _param_spec(param: Any) -> ParamSpec:
    required = param.value is NOT_GIVEN
    return ParamSpec(
        default=None if required else param.value,
        required=required,
        description=param.description,
        schema=param.schema,
    )


def _access_control(dag: DAG) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for role, rights in (dag.access_control or {}).items():
        if isinstance(rights, Mapping):  # {"DAGs": {...}, "DAG Runs": {...}}
            names = [f"{kind}.{right}" for kind, some in rights.items() for right in some]
        else:
            names = list(rights)
        found[str(role)] = tuple(sorted(map(str, names)))
    return found


def _callbacks(owner: Any, kinds: Iterable[str]) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if getattr(owner, f"on_{kind}_callback"))


def _owed(task: AbstractOperator) -> tuple[str, ...]:
    """Return the occasions on which something is called: callbacks, and mail to people."""
    own = set(_callbacks(task, _TASK_CALLBACKS))
    return tuple(k for k in _TASK_CALLBACKS if k in own or task.wants_mail(k))


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else plain_utc(value)


def _later(own: datetime | None, dag: datetime | None) -> datetime | None:
    """Return the task's start date where it says more than the DAG's."""
    return _utc(own) if own is not None and (dag is None or own > dag) else None


def _earlier(own: datetime | None, dag: datetime | None) -> datetime | None:
    """Return the task's end date where it says more than the DAG's."""
    return _utc(own) if own is not None and (dag is None or own < dag) else None


def _unless(value: str | None, default: str) -> str | None:
    return None if value == default else value
