"""A schedule as text: short for lists, in words for people."""

from __future__ import annotations

from collections.abc import Sequence

from tradewind.model.schedule import (
    AliasLeaf,
    AllOf,
    AssetCondition,
    AssetLeaf,
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
from tradewind.schedule.cron import parse
from tradewind.schedule.cronwords import cron_in_words


def describe(schedule: ScheduleSpec) -> str:
    """Return the short text: `0 5 * * *`, `every 5 minutes`, `asset a and b`."""
    if isinstance(schedule, CronTrigger):
        return ", ".join(schedule.expressions)
    if isinstance(schedule, CronInterval):
        return schedule.expression
    if isinstance(schedule, DeltaTrigger | DeltaInterval):
        return f"every {_delta(schedule.delta)}"
    if isinstance(schedule, Events):
        return schedule.description or _count(len(schedule.at), "event")
    if isinstance(schedule, AssetTriggered):
        return f"asset {_condition(schedule.condition)}"
    if isinstance(schedule, AssetOrTime):
        return f"{describe(schedule.time)} or asset {_condition(schedule.condition)}"
    if isinstance(schedule, Custom):
        return schedule.summary or schedule.classpath.rpartition(".")[2]
    return {NoSchedule: "never", Once: "@once", Continuous: "@continuous"}[type(schedule)]


def in_words(schedule: ScheduleSpec) -> str:
    """Return a sentence: `At 05:00 on Monday to Friday (Europe/Paris)`."""
    if isinstance(schedule, CronTrigger):
        return _crons(schedule.expressions, schedule.timezone)
    if isinstance(schedule, CronInterval):
        return _crons((schedule.expression,), schedule.timezone)
    if isinstance(schedule, Events) and not schedule.description and schedule.at:
        first, last = schedule.at[0], schedule.at[-1]
        return f"{describe(schedule)} between {first.isoformat()} and {last.isoformat()}"
    if isinstance(schedule, AssetTriggered):
        return f"When {_condition(schedule.condition)} was updated"
    if isinstance(schedule, AssetOrTime):
        return f"{in_words(schedule.time)}, or when {_condition(schedule.condition)} was updated"
    if isinstance(schedule, Custom):
        return schedule.description or describe(schedule)
    fixed = {
        NoSchedule: "Never; only when triggered",
        Once: "Once, as soon as possible",
        Continuous: "As often as possible, one run at a time",
    }
    text = fixed.get(type(schedule)) or describe(schedule)
    return text[:1].upper() + text[1:]


def _crons(expressions: Sequence[str], timezone: str) -> str:
    words = "; ".join(cron_in_words(parse(expression)) for expression in expressions)
    return words if timezone == "UTC" else f"{words} ({timezone})"


def _delta(delta: RelativeDelta) -> str:
    years, months = divmod(delta.months, 12)
    days, seconds = delta.days, delta.seconds
    more, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    sizes = (
        (years, "year"),
        (months, "month"),
        (days + more, "day"),
        (hours, "hour"),
        (minutes, "minute"),
        (seconds, "second"),
    )
    parts = [_count(count, unit) for count, unit in sizes if count]
    return parts[0].removeprefix("1 ") if len(parts) == 1 else " ".join(parts)


def _count(count: float, thing: str) -> str:
    return f"{count:g} {thing}" + ("" if count == 1 else "s")


def _condition(condition: AssetCondition, *, inner: bool = False) -> str:
    if isinstance(condition, AssetLeaf):
        return condition.name or condition.uri
    if isinstance(condition, AliasLeaf):
        return f"alias {condition.name}"
    word = " and " if isinstance(condition, AllOf) else " or "
    text = word.join(_condition(part, inner=True) for part in condition.of)
    return f"({text})" if inner and len(condition.of) > 1 else text
