"""Refuse schedules that cannot be computed, with the fix."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from tradewind.errors import DagError
from tradewind.model.schedule import (
    AssetOrTime,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    Events,
    RelativeDelta,
    ScheduleSpec,
)
from tradewind.schedule.cron import parse
from tradewind.schedule.times import add, zone

_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def validate(schedule: ScheduleSpec) -> None:
    """Check a schedule.

    Raises:
        DagError: it names the expression, zone or delta, and the fix.
    """
    if isinstance(schedule, AssetOrTime):
        schedule = schedule.time
    if isinstance(schedule, CronTrigger):
        if not schedule.expressions:
            raise DagError("A cron schedule needs at least one expression, like '0 5 * * *'.")
        for expression in schedule.expressions:
            parse(expression)
        zone(schedule.timezone)
    elif isinstance(schedule, CronInterval):
        parse(schedule.expression)
        zone(schedule.timezone)
    elif isinstance(schedule, DeltaTrigger | DeltaInterval):
        _check_delta(schedule.delta)
    elif isinstance(schedule, Events):
        _check_events(schedule.at)


def _check_delta(delta: RelativeDelta) -> None:
    try:
        forward = add(_SOME_DAY, delta) > _SOME_DAY
    except (OverflowError, ValueError) as error:
        raise DagError(
            f"The schedule {_shown(delta)} is too long a step. Use a shorter timedelta."
        ) from error
    if not forward:
        raise DagError(
            f"The schedule {_shown(delta)} does not lead forward. Use a positive timedelta, "
            "like timedelta(hours=1)."
        )


def _check_events(at: tuple[datetime, ...]) -> None:
    for time in at:
        if time.tzinfo is None:
            raise DagError(
                f"The event {time.isoformat()} has no time zone. Write it with one, like "
                "datetime(2026, 3, 1, tzinfo=UTC)."
            )
    if any(later < earlier for earlier, later in pairwise(at)):
        raise DagError("The events are not in order. Sort them, or leave presorted=False.")


def _shown(delta: RelativeDelta) -> str:
    return f"({delta.months} months, {delta.days} days, {delta.seconds:g} seconds)"
