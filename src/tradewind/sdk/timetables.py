"""Timetables: schedules as objects, for what a cron expression or a timedelta cannot say.

The classes here become `ScheduleSpec` data when the DAG is published; servers compute with the
data. A class of the author's that overrides `next_dagrun_info` becomes `Custom`: it is asked
for its next times in a process for user code, never in a server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from tradewind.clock import SystemClock
from tradewind.errors import DagError
from tradewind.model.schedule import (
    AssetOrTime,
    AssetTriggered,
    Continuous,
    CronInterval,
    CronTrigger,
    Custom,
    DeltaInterval,
    DeltaTrigger,
    Events,
    NoSchedule,
    Once,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule import LastRun, Window, describe, due, manual_interval, run_id
from tradewind.sdk.arguments import ArgumentError, aware
from tradewind.sdk.assets import BaseAsset, combined
from tradewind.sdk.moments import plain_utc

_HOUR = timedelta(hours=1)


class DataInterval(NamedTuple):
    """The time that a run is about: from start up to, but not including, end."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> DataInterval:
        """Return the empty interval at a moment."""
        return cls(at, at)


class TimeRestriction(NamedTuple):
    """What bounds a DAG's runs: its start and end dates, and whether it catches up."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool


class DagRunInfo(NamedTuple):
    """A run to make: at what time, and about which data interval."""

    run_after: datetime
    data_interval: DataInterval | None
    partition_date: datetime | None = None
    partition_key: str | None = None

    @classmethod
    def exact(cls, at: datetime) -> DagRunInfo:
        """Return a run at a moment, about that moment."""
        return cls(run_after=at, data_interval=DataInterval.exact(at))

    @classmethod
    def interval(cls, start: datetime, end: datetime) -> DagRunInfo:
        """Return a run at the end of an interval, about that interval."""
        return cls(run_after=end, data_interval=DataInterval(start, end))

    @property
    def logical_date(self) -> datetime | None:
        """The start of the data interval."""
        return self.data_interval.start if self.data_interval is not None else None


class Timetable:
    """Base class of timetables. Author's classes override `next_dagrun_info`."""

    description: str = ""
    periodic: bool = True
    can_be_scheduled: bool = True
    active_runs_limit: int | None = None
    run_ordering: Collection[str] = ("data_interval_end", "logical_date")
    asset_condition: BaseAsset | None = None

    @classmethod
    def deserialize(cls, data: Mapping[str, Any]) -> Timetable:
        """Make the timetable again from what `serialize` returned."""
        return cls(**data)

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` needs, as JSON values."""
        return {}

    @property
    def summary(self) -> str:
        """A few words for lists."""
        return type(self).__name__

    def validate(self) -> None:
        """Raise an error if the timetable cannot work."""

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """Return the data interval of a run that is triggered by hand at a time."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """Return the run after the last one; None when there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no next_dagrun_info()")

    def generate_run_id(
        self,
        *,
        run_type: Any,
        run_after: datetime,
        data_interval: DataInterval | None,
        **extra: Any,
    ) -> str:
        """Return the id of a run."""
        del data_interval, extra
        return run_id(run_type, run_after, "")

    def schedule_spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        cls = type(self)
        return Custom(
            classpath=f"{cls.__module__}.{cls.__qualname__}",
            data=dict(self.serialize()),
            summary=self.summary,
            description=self.description or "",
            periodic=self.periodic,
            active_runs_limit=self.active_runs_limit,
        )


class BuiltinTimetable(Timetable):
    """A timetable that Tradewind knows as data."""

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data, whatever a subclass overrides."""
        raise NotImplementedError

    def schedule_spec(self) -> ScheduleSpec:
        """Return the schedule as data; of a subclass with its own times, `Custom`."""
        if type(self).next_dagrun_info is not BuiltinTimetable.next_dagrun_info:
            return super().schedule_spec()
        return self.spec()

    @property
    def summary(self) -> str:
        """A few words for lists."""
        return describe(self.spec())

    def infer_manual_data_interval(self, *, run_after: datetime) -> DataInterval:
        """Return the data interval of a run that is triggered by hand at a time."""
        return DataInterval(*manual_interval(self.spec(), run_after))

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """Return the run after the last one; None when there is none."""
        last = None
        if last_automated_data_interval is not None:
            start, end = last_automated_data_interval
            last = LastRun(
                logical_date=start, interval_start=start, interval_end=end, run_after=end
            )
        window = Window(
            start_date=restriction.earliest,
            end_date=restriction.latest,
            catchup=restriction.catchup,
        )
        found = due(self.spec(), window, last, SystemClock().now())
        if found is None:
            return None
        if found.interval_start is None or found.interval_end is None:
            return DagRunInfo(found.run_after, None)
        return DagRunInfo(found.run_after, DataInterval(found.interval_start, found.interval_end))


class NullTimetable(BuiltinTimetable):
    """Runs only when triggered: `schedule=None`."""

    can_be_scheduled = False
    periodic = False

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return NoSchedule()


class OnceTimetable(BuiltinTimetable):
    """One run: `schedule="@once"`."""

    periodic = False

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return Once()


class ContinuousTimetable(BuiltinTimetable):
    """A run as soon as the one before ended: `schedule="@continuous"`."""

    active_runs_limit = 1

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return Continuous()


class CronTriggerTimetable(BuiltinTimetable):
    """Run at the times of a cron expression.

    Args:
        cron: the expression.
        timezone: the zone that it is meant in, by name or as a tzinfo.
        interval: the length of the data interval that ends at the time; by default empty.
        run_immediately: with no earlier run: True runs for the last time at once, a timedelta
            only if that was not longer ago, False waits for the next.
    """

    def __init__(
        self,
        cron: str,
        *,
        timezone: str | tzinfo = "UTC",
        interval: Any = timedelta(),
        run_immediately: bool | timedelta = False,
    ) -> None:
        self._spec = CronTrigger(
            expressions=(cron,),
            timezone=zone_name(timezone),
            interval=relative_delta(interval),
            run_immediately=_immediately(run_immediately),
        )

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return self._spec


class MultipleCronTriggerTimetable(CronTriggerTimetable):
    """Run at the times of any of several cron expressions.

    Args:
        crons: the expressions.
        timezone: as in `CronTriggerTimetable`.
        interval: likewise.
        run_immediately: likewise.
    """

    def __init__(
        self,
        *crons: str,
        timezone: str | tzinfo = "UTC",
        interval: Any = timedelta(),
        run_immediately: bool | timedelta = False,
    ) -> None:
        if not crons:
            raise ArgumentError("MultipleCronTriggerTimetable needs at least one cron expression")
        self._spec = CronTrigger(
            expressions=crons,
            timezone=zone_name(timezone),
            interval=relative_delta(interval),
            run_immediately=_immediately(run_immediately),
        )


class CronDataIntervalTimetable(BuiltinTimetable):
    """Run at the end of each interval between two times of a cron expression.

    Args:
        cron: the expression.
        timezone: the zone that it is meant in, by name or as a tzinfo.
    """

    def __init__(self, cron: str, timezone: str | tzinfo = "UTC") -> None:
        self._spec = CronInterval(expression=cron, timezone=zone_name(timezone))

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return self._spec


class DeltaTriggerTimetable(BuiltinTimetable):
    """Run again and again after a time.

    Args:
        delta: a timedelta or dateutil's relativedelta.
        interval: the length of the data interval that ends at the time; by default empty.
    """

    def __init__(self, delta: Any, *, interval: Any = timedelta()) -> None:
        self._spec = DeltaTrigger(delta=relative_delta(delta), interval=relative_delta(interval))

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return self._spec


class DeltaDataIntervalTimetable(BuiltinTimetable):
    """Run at the end of each interval of a length.

    Args:
        delta: a timedelta or dateutil's relativedelta.
    """

    def __init__(self, delta: Any) -> None:
        self._spec = DeltaInterval(delta=relative_delta(delta))

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return self._spec


class EventsTimetable(BuiltinTimetable):
    """Run at given times.

    Args:
        event_dates: the times.
        restrict_to_events: a run triggered by hand is about the latest of the times before it.
        presorted: has no effect; the times are sorted anyway.
        description: for people.
    """

    def __init__(
        self,
        event_dates: Collection[datetime],
        restrict_to_events: bool = False,
        presorted: bool = False,
        description: str | None = None,
    ) -> None:
        del presorted
        dates = [date for date in map(aware, event_dates) if date is not None]
        self.event_dates = sorted(dates)
        self.description = description or f"{len(self.event_dates)} events"
        self._spec = Events(
            at=tuple(map(plain_utc, self.event_dates)),
            restrict=restrict_to_events,
            description=description,
        )

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        return self._spec


class AssetTriggeredTimetable(BuiltinTimetable):
    """Run when assets have new events: what `schedule=[asset, ...]` means.

    Args:
        assets: an asset, a combination, or a list of which all are needed.
    """

    def __init__(self, assets: BaseAsset | Collection[BaseAsset]) -> None:
        self.asset_condition = assets if isinstance(assets, BaseAsset) else combined(assets)

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        assert self.asset_condition is not None
        return AssetTriggered(self.asset_condition.condition())


class AssetOrTimeSchedule(BuiltinTimetable):
    """Run by a timetable, and also when assets have new events.

    Args:
        timetable: when to run by the clock.
        assets: an asset, a combination, or a list of which all are needed.
    """

    def __init__(self, *, timetable: Timetable, assets: BaseAsset | Collection[BaseAsset]) -> None:
        if not isinstance(timetable, Timetable):
            raise ArgumentError(
                "AssetOrTimeSchedule: timetable must be a Timetable, "
                f"not {type(timetable).__name__}"
            )
        self.timetable = timetable
        self.asset_condition = assets if isinstance(assets, BaseAsset) else combined(assets)

    def spec(self) -> ScheduleSpec:
        """Return the schedule as data."""
        time = self.timetable.schedule_spec()
        assert self.asset_condition is not None
        if isinstance(time, AssetTriggered | AssetOrTime):
            raise DagError("AssetOrTimeSchedule: timetable must go by the clock, not by assets")
        return AssetOrTime(time=time, condition=self.asset_condition.condition())


# ---- values -----------------------------------------------------------------------------


def relative_delta(value: Any) -> RelativeDelta:
    """Return a timedelta, a number of seconds or a relativedelta as data.

    Raises:
        DagError: a relativedelta names a day, an hour or the like instead of a step.
    """
    if isinstance(value, timedelta):
        return RelativeDelta(seconds=value.total_seconds())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return RelativeDelta(seconds=float(value))
    if not hasattr(value, "relativedelta") and not hasattr(value, "leapdays"):
        raise ArgumentError(
            f"must be a timedelta or a relativedelta, not {type(value).__name__} ({value!r:.60})"
        )
    fixed = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond")
    if any(getattr(value, name) is not None for name in fixed) or value.leapdays:
        raise DagError(
            f"{value!r} names a certain day or time; as a schedule use steps only, like "
            "relativedelta(months=1), or a cron expression"
        )
    exact = timedelta(
        hours=value.hours,
        minutes=value.minutes,
        seconds=value.seconds,
        microseconds=value.microseconds,
    )
    return RelativeDelta(
        months=value.years * 12 + value.months, days=value.days, seconds=exact.total_seconds()
    )


def zone_name(zone: str | tzinfo) -> str:
    """Return the name of a time zone in the IANA database.

    Raises:
        DagError: the zone has none.
    """
    if isinstance(zone, str):
        return zone
    for attribute in ("key", "zone", "name"):  # zoneinfo, pytz, pendulum
        name = getattr(zone, attribute, None)
        if isinstance(name, str) and not name.startswith(("+", "-")):
            return name
    offset = zone.utcoffset(None)
    if offset is None:
        raise DagError(
            f"the time zone {zone!r} has no name; use zoneinfo.ZoneInfo, like "
            'ZoneInfo("Europe/Paris")'
        )
    hours, rest = divmod(offset, _HOUR)
    if rest:
        raise DagError(
            f"the time zone {zone!r} is no full hours from UTC and has no name; use "
            'zoneinfo.ZoneInfo, like ZoneInfo("Asia/Kolkata")'
        )
    return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"


def _immediately(value: bool | timedelta) -> bool | float:
    return value.total_seconds() if isinstance(value, timedelta) else bool(value)
