"""What the template context of Airflow 1 and 2 had beside today's: for files written for those.

The run before and after a run are those of its schedule. A run that somebody triggered has
none: then both are the run itself, as in Airflow 2.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tradewind.model.schedule import (
    AssetOrTime,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    Events,
)
from tradewind.schedule import times_of
from tradewind.sdk import defaults, moments
from tradewind.sdk.moments import moment
from tradewind.sdk.schedules import schedule_of
from tradewind.wire.messages import RunInfo

_DAY = timedelta(days=1)

Make = Callable[[Any, RunInfo, datetime], Any]
"""Makes a value of the DAG, the run and its logical date."""


def next_date(dag: Any, run: RunInfo, logical_date: datetime) -> datetime:
    """Return the logical date of the run after."""
    return _neighbour(dag, run, logical_date, "after")


def previous_date(dag: Any, run: RunInfo, logical_date: datetime) -> datetime:
    """Return the logical date of the run before."""
    return _neighbour(dag, run, logical_date, "before")


def _neighbour(dag: Any, run: RunInfo, logical_date: datetime, side: str) -> datetime:
    if run.run_type == "manual":
        return logical_date
    spec = schedule_of(dag, defaults.current())
    if isinstance(spec, AssetOrTime):
        spec = spec.time
    if not isinstance(spec, CronTrigger | CronInterval | DeltaTrigger | DeltaInterval | Events):
        return logical_date
    found: datetime | None = getattr(times_of(spec), side)(logical_date)
    return found or logical_date


def _in(form: Callable[[datetime], Any], date: Make) -> Make:
    return lambda dag, run, logical: form(date(dag, run, logical))


def _shifted(days: int) -> Make:
    return lambda _dag, _run, logical: logical + days * _DAY


VALUES: dict[str, Make] = {
    "execution_date": lambda _dag, _run, logical: moment(logical),
    "next_execution_date": _in(moment, next_date),
    "next_ds": _in(moments.ds, next_date),
    "next_ds_nodash": _in(moments.ds_nodash, next_date),
    "prev_execution_date": _in(moment, previous_date),
    "prev_ds": _in(moments.ds, previous_date),
    "prev_ds_nodash": _in(moments.ds_nodash, previous_date),
    "tomorrow_ds": _in(moments.ds, _shifted(1)),
    "tomorrow_ds_nodash": _in(moments.ds_nodash, _shifted(1)),
    "yesterday_ds": _in(moments.ds, _shifted(-1)),
    "yesterday_ds_nodash": _in(moments.ds_nodash, _shifted(-1)),
}
"""By name. A run without a logical date has none of them."""

EXTRAS: dict[str, Callable[[], Any]] = {}
"""What contexts of files for Airflow 2 have beside, by name: what is not the SDK's to know."""
