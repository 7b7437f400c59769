"""What a DAG's `schedule` argument means, as data."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from tradewind import schedule as calendar
from tradewind.errors import DagError
from tradewind.model.schedule import NoSchedule, ScheduleSpec
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.assets import BaseAsset
from tradewind.sdk.exceptions import AirflowTimetableInvalid
from tradewind.sdk.timetables import (
    AssetTriggeredTimetable,
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    NullTimetable,
    OnceTimetable,
    Timetable,
    zone_name,
)

if TYPE_CHECKING:
    from tradewind.model.defaults import DagDefaults
    from tradewind.sdk.dag_definition import DAG


def timetable_of(dag: DAG, defaults: DagDefaults) -> Timetable:
    """Return the timetable that a DAG's schedule stands for.

    Raises:
        ArgumentError: the schedule is of a kind that is none.
    """
    value, old = dag.schedule, dag.means.airflow == 2
    if value is None or value == []:
        return NullTimetable()
    if isinstance(value, Timetable):
        return value
    if isinstance(value, str):
        return _of_text(value.strip(), dag, intervals=defaults.cron_data_intervals or old)
    if isinstance(value, timedelta) or hasattr(value, "leapdays"):
        kind = (
            DeltaDataIntervalTimetable
            if defaults.delta_data_intervals or old
            else DeltaTriggerTimetable
        )
        return kind(value)
    if isinstance(value, BaseAsset):
        return AssetTriggeredTimetable(value)
    if isinstance(value, Collection) and all(isinstance(one, BaseAsset) for one in value):
        return AssetTriggeredTimetable(list(value))
    raise ArgumentError(
        "must be None, a cron expression, a preset like '@daily', a timedelta, a timetable, an "
        f"asset or a list of assets, not {type(value).__name__} ({value!r:.60})"
    )


def _of_text(text: str, dag: DAG, *, intervals: bool) -> Timetable:
    if text == "@once":
        return OnceTimetable()
    if text == "@continuous":
        return ContinuousTimetable()
    cron = calendar.PRESETS.get(text, text)
    zone = zone_name(dag.timezone)
    if intervals:
        return CronDataIntervalTimetable(cron, zone)
    return CronTriggerTimetable(cron, timezone=zone)


def schedule_of(dag: DAG, defaults: DagDefaults) -> ScheduleSpec:
    """Return a DAG's schedule as data.

    Raises:
        AirflowTimetableInvalid: it cannot be computed; names the DAG and the fix.
    """
    try:
        timetable = timetable_of(dag, defaults)
        timetable.validate()
        spec = timetable.schedule_spec()
        calendar.validate(spec)
    except DagError as error:
        text = str(error).removeprefix("schedule: ")
        raise AirflowTimetableInvalid(f"DAG {dag.dag_id!r}: schedule: {text}") from None
    return spec


def may_start_by_itself(spec: ScheduleSpec) -> bool:
    """Tell whether runs are made that nobody triggers."""
    return not isinstance(spec, NoSchedule)


def timezone_of(dag: DAG) -> str:
    """Return the name of the DAG's zone for display; UTC where it has none."""
    try:
        return zone_name(dag.timezone)
    except DagError:
        return "UTC"
