"""A schedule in a few words."""

from __future__ import annotations

from tradewind.model.schedule import (
    AliasLeaf,
    AllOf,
    AnyOf,
    AssetCondition,
    AssetOrTime,
    AssetTriggered,
    Continuous,
    CronInterval,
    CronTrigger,
    Custom,
    DeltaInterval,
    DeltaTrigger,
    Events,
    Once,
    RelativeDelta,
    ScheduleSpec,
)


def describe(schedule: ScheduleSpec) -> str:  # noqa: PLR0911  one line a kind
    """Return the text that lists and pages show."""
    if isinstance(schedule, Once):
        return "@once"
    if isinstance(schedule, Continuous):
        return "@continuous"
    if isinstance(schedule, CronTrigger):
        return ", ".join(schedule.expressions)
    if isinstance(schedule, CronInterval):
        return schedule.expression
    if isinstance(schedule, DeltaTrigger | DeltaInterval):
        return f"every {_delta(schedule.delta)}"
    if isinstance(schedule, Events):
        return schedule.description or f"{len(schedule.at)} events"
    if isinstance(schedule, AssetTriggered):
        return _condition(schedule.condition)
    if isinstance(schedule, AssetOrTime):
        return f"{describe(schedule.time)} or {_condition(schedule.condition)}"
    if isinstance(schedule, Custom):
        return schedule.summary or schedule.classpath.rpartition(".")[2]
    return "never"


def _delta(delta: RelativeDelta) -> str:
    parts: list[str] = []
    if delta.months:
        parts.append(f"{delta.months} months")
    days, seconds = delta.days, delta.seconds
    if days:
        parts.append(f"{days} days" if days != 1 else "day")
    for name, size in (("hours", 3600), ("minutes", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:g} {name}")
    if seconds:
        parts.append(f"{seconds:g} s")
    return " ".join(parts)


def _condition(condition: AssetCondition) -> str:
    if isinstance(condition, AllOf | AnyOf):
        word = " and " if isinstance(condition, AllOf) else " or "
        return word.join(_condition(part) for part in condition.of)
    if isinstance(condition, AliasLeaf):
        return f"alias {condition.name}"
    return f"asset {condition.name or condition.uri}"
