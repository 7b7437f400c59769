"""Schedules as data. `tradewind.schedule` computes with them.

Airflow's names: a *trigger* flavour fires at the time itself with an empty data interval
(logical date = interval start = interval end = run_after); an *interval* flavour runs at the
end of each data interval (logical date = interval start, run_after = interval end).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class RelativeDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A calendar step: months and days by the calendar, then exact seconds."""

    months: int = 0
    days: int = 0
    seconds: float = 0.0


class AssetLeaf(msgspec.Struct, frozen=True, tag="asset"):
    """One asset has a new event. Named by name, by uri, or both."""

    name: str = ""
    uri: str = ""


class AliasLeaf(msgspec.Struct, frozen=True, tag="alias"):
    """An asset resolved through this alias has a new event."""

    name: str


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every part has a new event."""

    of: tuple[AssetCondition, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """At least one part has a new event."""

    of: tuple[AssetCondition, ...]


AssetCondition = AssetLeaf | AliasLeaf | AllOf | AnyOf


class NoSchedule(msgspec.Struct, frozen=True, tag="none"):
    """Runs only when triggered."""


class Once(msgspec.Struct, frozen=True, tag="once"):
    """One run, at the start date (or at once)."""


class Continuous(msgspec.Struct, frozen=True, tag="continuous"):
    """A run as soon as the one before ended; one at a time."""


class CronTrigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cron"):
    """Fire at each match of any of the expressions.

    interval: length of the data interval that ends at the fire time (default empty).
    run_immediately: with no earlier run and no start date: True fires the latest past match,
        a number of seconds takes a past match if it is that young, False if it is not older than
        a tenth of the time between two matches, or five minutes. Else the next is waited for.
    """

    expressions: tuple[str, ...]
    timezone: str = "UTC"
    interval: RelativeDelta = RelativeDelta()
    run_immediately: bool | float = False


class CronInterval(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="cron_interval"
):
    """Data intervals between neighbouring matches; run at the end of each."""

    expression: str
    timezone: str = "UTC"


class DeltaTrigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delta"):
    """Fire every `delta`."""

    delta: RelativeDelta
    interval: RelativeDelta = RelativeDelta()


class DeltaInterval(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delta_interval"
):
    """Data intervals of `delta`; run at the end of each."""

    delta: RelativeDelta


class Events(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="events"):
    """Fire at explicit times (sorted).

    restrict: a manual run takes the latest past event's time.
    """

    at: tuple[datetime, ...]
    restrict: bool = False
    description: str | None = None


class AssetTriggered(msgspec.Struct, frozen=True, tag="assets"):
    """Run when the condition over asset events holds."""

    condition: AssetCondition


class AssetOrTime(msgspec.Struct, frozen=True, tag="asset_or_time"):
    """Run by the clock and also when the condition over asset events holds."""

    time: TimeSchedule
    condition: AssetCondition


class Custom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="custom"):
    """A user's timetable class. Servers never import it: a code host answers its next times.

    classpath: where the class lives, for people and for the code host.
    data: what its `serialize()` returned.
    """

    classpath: str
    data: dict[str, Any] = {}
    summary: str = ""
    description: str = ""
    periodic: bool = True
    active_runs_limit: int | None = None


TimeSchedule = (
    NoSchedule
    | Once
    | Continuous
    | CronTrigger
    | CronInterval
    | DeltaTrigger
    | DeltaInterval
    | Events
    | Custom
)
ScheduleSpec = TimeSchedule | AssetTriggered | AssetOrTime
