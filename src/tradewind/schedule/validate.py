"""Refuse schedules that cannot be computed, with the fix."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from tradewind.errors import DagError
from tradewind.model.schedule import (
    AssetOrTime,
    CronInterval,
    CronTrigger,
    DeltaInterval,
    DeltaTrigger,
    ScheduleSpec,
)

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = (5, 6, 7)
_REFUSED = re.compile(r"(?<![A-Za-z])(LW|WL|W|H)(?![A-Za-z])")


def cron_of(text: str) -> str:
    """Return a preset's expression, or the text itself."""
    return PRESETS.get(text.strip(), text.strip())


def validate(schedule: ScheduleSpec) -> None:
    """Check a schedule.

    Raises:
        DagError: it names the expression or zone, and the fix.
    """
    if isinstance(schedule, AssetOrTime):
        validate(schedule.time)
    elif isinstance(schedule, CronTrigger):
        if not schedule.expressions:
            raise DagError("a cron schedule needs at least one expression")
        for expression in schedule.expressions:
            _check_cron(expression)
        _check_zone(schedule.timezone)
    elif isinstance(schedule, CronInterval):
        _check_cron(schedule.expression)
        _check_zone(schedule.timezone)
    elif isinstance(schedule, DeltaTrigger | DeltaInterval):
        delta = schedule.delta
        if delta.months <= 0 and delta.days <= 0 and delta.seconds <= 0:
            raise DagError("schedule: a timedelta must be positive")


def _check_cron(expression: str) -> None:
    if expression.startswith("@"):
        known = ", ".join(sorted(PRESETS))
        raise DagError(
            f"schedule: {expression!r} is not a preset; use one of {known}, @once, "
            "@continuous, or a cron expression"
        )
    bad = _REFUSED.search(expression)
    if bad is not None or len(expression.split()) not in _FIELDS:
        what = f"{bad.group(0)!r} is not supported" if bad else "it needs five fields"
        raise DagError(
            f"schedule: {expression!r} is not a cron expression ({what}); "
            'for example "0 6 * * *" is every day at 06:00'
        )
    if not croniter.is_valid(expression):
        raise DagError(
            f"schedule: {expression!r} is not a cron expression; "
            'for example "0 6 * * *" is every day at 06:00'
        )


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise DagError(
            f"schedule: {name!r} is not an IANA time zone (like Europe/Paris)"
        ) from error
