"""From a DAG object to a `DagSpec`: what the processor publishes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.errors import DagCycle, DagError
from tradewind.model.schedule import (
    AllOf,
    AssetCondition,
    AssetLeaf,
    AssetTriggered,
    Continuous,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    NoSchedule,
    Once,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.model.spec import (
    AssetRef,
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
from tradewind.schedule import PRESETS, validate
from tradewind.sdk.dag_definition import DAG, DagParam
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.taskgroup import TaskGroup
from tradewind.sdk.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, XComArg, ZipXComArg

_CALLBACKS = ("execute", "success", "failure", "retry", "skipped")


def to_spec(
    dag: DAG, *, catchup_by_default: bool = False, create_cron_data_intervals: bool = False
) -> DagSpec:
    """Return a DAG as data.

    Args:
        dag: the DAG.
        catchup_by_default: for a DAG that does not say.
        create_cron_data_intervals: a cron string or timedelta means data intervals (Airflow 2).

    Raises:
        DagError: something in it is not right; the message names the DAG and the fix.
    """
    try:
        order = _topological(dag)
        index = {task.task_id: i for i, task in enumerate(order)}
        schedule = _schedule(dag.schedule, intervals=create_cron_data_intervals)
        validate(schedule)
        return DagSpec(
            dag_id=dag.dag_id,
            tasks=tuple(_task(task, index) for task in order),
            groups=tuple(_group(group, index) for group in dag.task_groups.values()),
            edge_labels=tuple(
                EdgeLabel(index[a], index[b], label) for (a, b), label in dag.edge_labels.items()
            ),
            schedule=schedule,
            start_date=_utc(dag.start_date or dag.default_args.get("start_date")),
            end_date=_utc(dag.end_date or dag.default_args.get("end_date")),
            catchup=catchup_by_default if dag.catchup is None else dag.catchup,
            max_active_runs=dag.max_active_runs,
            max_active_tasks=dag.max_active_tasks,
            max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
            dagrun_timeout_s=_seconds(dag.dagrun_timeout),
            fail_fast=dag.fail_fast,
            is_paused_upon_creation=dag.is_paused_upon_creation,
            rerun_with_latest_version=dag.rerun_with_latest_version,
            display_name=dag.dag_display_name,
            description=dag.description,
            doc_md=dag.doc_md,
            tags=tuple(sorted(dag.tags)),
            owner_links=dict(dag.owner_links or {}),
            params={name: _param(value) for name, value in dag.params.items()},
            callbacks=tuple(
                k for k in ("success", "failure") if getattr(dag, f"on_{k}_callback") is not None
            ),
        )
    except DagError as error:
        if f"{dag.dag_id!r}" in str(error):
            raise
        raise type(error)(f"DAG {dag.dag_id!r}: {error}") from error


def _topological(dag: DAG) -> list[BaseOperator]:
    """Return the tasks, upstreams first, otherwise as they were added."""
    tasks = dag.tasks
    position = {task.task_id: i for i, task in enumerate(tasks)}
    missing = [len(task.upstream_task_ids) for task in tasks]
    ready = [i for i, count in enumerate(missing) if count == 0]
    heapq.heapify(ready)
    order: list[BaseOperator] = []
    while ready:
        task = tasks[heapq.heappop(ready)]
        order.append(task)
        for task_id in task.downstream_task_ids:
            i = position[task_id]
            missing[i] -= 1
            if missing[i] == 0:
                heapq.heappush(ready, i)
    if len(order) < len(tasks):
        raise DagCycle(f"the tasks depend on each other in a circle: {_cycle(dag, order)}")
    return order


def _cycle(dag: DAG, done: Iterable[BaseOperator]) -> str:
    left = set(dag.task_dict) - {task.task_id for task in done}
    task_id = min(left)
    path: list[str] = []
    while task_id not in path:
        path.append(task_id)
        task_id = min(dag.task_dict[task_id].upstream_task_ids & left)
    return " >> ".join([*reversed(path[path.index(task_id) :]), path[-1]])


def _task(task: BaseOperator, index: dict[str, int]) -> TaskSpec:
    t: Any = task
    callbacks = tuple(k for k in _CALLBACKS if getattr(t, f"on_{k}_callback") is not None)
    outlets = _assets(t.outlets)
    factor = t.retry_exponential_backoff
    return TaskSpec(
        task_id=t.task_id,
        operator=t.task_type,
        upstream=tuple(sorted(index[u] for u in t.upstream_task_ids)),
        trigger_rule=t.trigger_rule,
        group_id=t.task_group.group_id if t.task_group else None,
        expand=_expand(t.expand_input, index) if t.is_mapped else None,
        owner=t.owner,
        display_name=t.task_display_name,
        doc_md=t.doc_md,
        map_index_template=t.map_index_template,
        retries=t.retries or 0,
        retry_delay_s=t.retry_delay.total_seconds(),
        retry_backoff=2.0 if factor is True else float(factor or 0),
        max_retry_delay_s=_seconds(t.max_retry_delay),
        execution_timeout_s=_seconds(t.execution_timeout),
        depends_on_past=t.depends_on_past,
        ignore_first_depends_on_past=t.ignore_first_depends_on_past,
        wait_for_past_depends_before_skipping=t.wait_for_past_depends_before_skipping,
        wait_for_downstream=t.wait_for_downstream,
        start_date=_utc(t.start_date),
        end_date=_utc(t.end_date),
        pool=t.pool,
        pool_slots=t.pool_slots,
        priority_weight=t.priority_weight,
        weight_rule=str(getattr(t.weight_rule, "value", t.weight_rule)),
        queue=t.queue,
        executor=t.executor,
        max_active_tis_per_dag=t.max_active_tis_per_dag,
        max_active_tis_per_dagrun=t.max_active_tis_per_dagrun,
        is_setup=t.is_setup,
        is_teardown=t.is_teardown,
        on_failure_fail_dagrun=t.on_failure_fail_dagrun,
        no_op=type(task) is EmptyOperator
        and not (callbacks or outlets or task.pre_execute or task.post_execute),
        reschedule_mode=getattr(t, "mode", "poke") == "reschedule",
        can_skip_downstream=t.can_skip_downstream,
        callbacks=callbacks,
        inlets=_assets(t.inlets),
        outlets=outlets,
        do_xcom_push=t.do_xcom_push,
        template_fields=tuple(t.template_fields),
        ui_color=t.ui_color,
        ui_fgcolor=t.ui_fgcolor,
    )


def _group(group: TaskGroup, index: dict[str, int]) -> GroupSpec:
    return GroupSpec(
        group_id=group.group_id,
        parent=group.parent_group.group_id if group.parent_group else None,
        label=group.group_display_name or group.label,
        tooltip=group.tooltip,
        doc_md=group.doc_md,
        ui_color=group.ui_color,
        ui_fgcolor=group.ui_fgcolor,
        expand=_expand(group.expand_input, index) if group.expand_input else None,
    )


def _expand(mapped: dict[str, Any] | None, index: dict[str, int]) -> ExpandSpec:
    return ExpandSpec(sources=tuple((n, _source(v, index)) for n, v in (mapped or {}).items()))


def _source(value: Any, index: dict[str, int]) -> MapSource:
    if isinstance(value, PlainXComArg):
        return MapXCom(index[value.operator.task_id], value.key)
    if isinstance(value, MapXComArg):
        return _source(value.arg, index)
    if isinstance(value, ZipXComArg):
        return MapZip(tuple(_source(v, index) for v in value.args), longest=value.longest)
    if isinstance(value, ConcatXComArg):
        return MapConcat(tuple(_source(v, index) for v in value.args))
    if isinstance(value, XComArg):
        raise DagError("a mapped group's element cannot be mapped over again")
    return MapLiteral(len(value))


def _schedule(schedule: Any, *, intervals: bool) -> ScheduleSpec:
    if schedule is None:
        return NoSchedule()
    if isinstance(schedule, str):
        return _text_schedule(schedule, intervals=intervals)
    if isinstance(schedule, timedelta) or hasattr(schedule, "months"):
        delta = _relative(schedule)
        return DeltaInterval(delta=delta) if intervals else DeltaTrigger(delta=delta)
    if hasattr(schedule, "to_schedule"):
        found: ScheduleSpec = schedule.to_schedule()
        return found
    if isinstance(schedule, list | tuple | set):
        return AssetTriggered(AllOf(tuple(_condition(item) for item in schedule)))
    if hasattr(schedule, "uri") or hasattr(schedule, "to_condition"):
        return AssetTriggered(_condition(schedule))
    raise DagError(
        f"schedule: {schedule!r} is not a cron expression, a preset, a timedelta, a timetable or "
        "an asset"
    )


def _text_schedule(text: str, *, intervals: bool) -> ScheduleSpec:
    text = text.strip()
    if text == "@once":
        return Once()
    if text == "@continuous":
        return Continuous()
    cron = PRESETS.get(text, text)
    return CronInterval(expression=cron) if intervals else CronTrigger(expressions=(cron,))


def _condition(asset: Any) -> AssetCondition:
    if hasattr(asset, "to_condition"):
        found: AssetCondition = asset.to_condition()
        return found
    return AssetLeaf(name=asset.name, uri=asset.uri)


def _relative(value: Any) -> RelativeDelta:
    if isinstance(value, timedelta):
        return RelativeDelta(days=0, seconds=value.total_seconds())
    return RelativeDelta(
        months=value.years * 12 + value.months,
        days=value.days,
        seconds=value.hours * 3600 + value.minutes * 60 + value.seconds,
    )


def _assets(value: Any) -> tuple[AssetRef, ...]:
    items = [] if value is None else value if isinstance(value, list | tuple | set) else [value]
    return tuple(
        AssetRef(name=a.name, uri=getattr(a, "uri", ""), group=getattr(a, "group", "asset"))
        for a in items
    )


def _param(value: Any) -> ParamSpec:
    if isinstance(value, DagParam):
        value = value.default
    if hasattr(value, "to_spec"):
        found: ParamSpec = value.to_spec()
        return found
    return ParamSpec(default=value)


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


def _utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(fold=0)
