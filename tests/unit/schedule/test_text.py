"""Schedules as text, names of runs, and what else is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tradewind.errors import DagError
from tradewind.model.schedule import (
    AliasLeaf,
    AllOf,
    AnyOf,
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
from tradewind.model.state import RunType
from tradewind.schedule import describe, in_words, run_id, validate

DAYS = tuple(datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 5))
A_AND_B_OR_ALIAS = AllOf(
    (AssetLeaf(name="a"), AnyOf((AssetLeaf(uri="s3://b"), AliasLeaf(name="c"))))
)


@pytest.mark.parametrize(
    ("schedule", "short", "words"),
    [
        (NoSchedule(), "never", "Never; only when triggered"),
        (Once(), "@once", "Once, as soon as possible"),
        (Continuous(), "@continuous", "As often as possible, one run at a time"),
        (CronTrigger(expressions=("@daily",)), "@daily", "At 00:00"),
        (
            CronTrigger(expressions=("0 5 * * *", "30 7 * * SAT"), timezone="Europe/Paris"),
            "0 5 * * *, 30 7 * * SAT",
            "At 05:00; At 07:30 on Saturday (Europe/Paris)",
        ),
        (CronInterval(expression="0 5 * * *"), "0 5 * * *", "At 05:00"),
        (DeltaTrigger(delta=RelativeDelta(seconds=300)), "every 5 minutes", "Every 5 minutes"),
        (DeltaInterval(delta=RelativeDelta(seconds=3600)), "every hour", "Every hour"),
        (
            DeltaTrigger(delta=RelativeDelta(months=13, days=1, seconds=90_061.5)),
            "every 1 year 1 month 2 days 1 hour 1 minute 1.5 seconds",
            "Every 1 year 1 month 2 days 1 hour 1 minute 1.5 seconds",
        ),
        (
            Events(at=DAYS),
            "3 events",
            "3 events between 2026-03-01T00:00:00+00:00 and 2026-03-05T00:00:00+00:00",
        ),
        (Events(at=DAYS, description="Races"), "Races", "Races"),
        (Events(at=()), "0 events", "0 events"),
        (AssetTriggered(AssetLeaf(name="a")), "asset a", "When a was updated"),
        (
            AssetTriggered(A_AND_B_OR_ALIAS),
            "asset a and (s3://b or alias c)",
            "When a and (s3://b or alias c) was updated",
        ),
        (
            AssetOrTime(time=CronTrigger(expressions=("@hourly",)), condition=AssetLeaf(name="a")),
            "@hourly or asset a",
            "Every hour, or when a was updated",
        ),
        (Custom(classpath="acme.Workdays"), "Workdays", "Workdays"),
        (
            Custom(classpath="acme.Workdays", summary="work days", description="Monday to Friday"),
            "work days",
            "Monday to Friday",
        ),
    ],
)
def test_text(schedule: ScheduleSpec, short: str, words: str) -> None:
    assert describe(schedule) == short
    assert in_words(schedule) == words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/20 * * * *", "Every 20 minutes"),
        ("0 * * * *", "Every hour"),
        ("15 * * * *", "At minute 15 of every hour"),
        ("5,50 * * * *", "At minutes 5 and 50 of every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("10 */2 * * *", "At minute 10 of every 2nd hour"),
        ("30 */6 * * *", "At 00:30, 06:30, 12:30 and 18:30"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:45 on Monday to Friday"),
        ("7,9 3-5,8 * * *", "At minutes 7 and 9 of the hours 3, 4, 5 and 8"),
        ("* 8 * * *", "Every minute of the hour 8"),
        ("0 0 1,15 * *", "At 00:00 on day 1 and 15 of the month"),
        ("0 0 1-7 * *", "At 00:00 on day 1 to 7 of the month"),
        ("0 0 */2 * *", "At 00:00 every 2nd day"),
        ("0 0 15W * *", "At 00:00 on the weekday nearest to day 15 of the month"),
        ("0 0 L * 1", "At 00:00 on the last day of the month or on Monday"),
        ("0 0 * * 5#1", "At 00:00 on the 1st Friday of the month"),
        ("0 0 * * L5", "At 00:00 on the last Friday of the month"),
        ("0 0 * * 0,6", "At 00:00 on Saturday and Sunday"),
        ("0 0 * * FRI-SUN", "At 00:00 on Friday to Sunday"),
        ("0 0 1 */3 *", "At 00:00 on day 1 of the month in January, April, July and October"),
        ("0 0 * JAN-MAR *", "At 00:00 in January to March"),
        ("0 0 * * * 30", "0 0 * * * 30"),
    ],
)
def test_cron_in_words(expression: str, words: str) -> None:
    assert in_words(CronTrigger(expressions=(expression,))) == words


def test_run_ids() -> None:
    at = datetime(2026, 3, 1, 0, 0, 1, 500, tzinfo=UTC)
    assert run_id(RunType.SCHEDULED, DAYS[0]) == "scheduled__2026-03-01T00:00:00+00:00"
    assert run_id(RunType.MANUAL, at) == "manual__2026-03-01T00:00:01.000500+00:00"
    assert (
        run_id(RunType.ASSET_TRIGGERED, DAYS[0], "k3j9")
        == "asset_triggered__2026-03-01T00:00:00+00:00_k3j9"
    )


@pytest.mark.parametrize(
    "delta",
    [
        RelativeDelta(),
        RelativeDelta(seconds=-5),
        RelativeDelta(days=1, seconds=-90_000),
        RelativeDelta(months=-1, days=3),
    ],
)
def test_a_delta_that_does_not_lead_forward_is_refused(delta: RelativeDelta) -> None:
    for schedule in (DeltaTrigger(delta=delta), DeltaInterval(delta=delta)):
        with pytest.raises(DagError, match="positive timedelta"):
            validate(schedule)


def test_a_delta_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(DagError, match="too long"):
        validate(DeltaTrigger(delta=RelativeDelta(months=200_000)))


def test_no_expression_is_refused() -> None:
    with pytest.raises(DagError, match="at least one"):
        validate(CronTrigger(expressions=()))


def test_the_time_of_asset_or_time_is_checked() -> None:
    with pytest.raises(DagError, match="never comes due"):
        validate(
            AssetOrTime(
                time=CronTrigger(expressions=("0 0 31 2 *",)), condition=AssetLeaf(name="a")
            )
        )


def test_events_need_a_zone_and_an_order() -> None:
    with pytest.raises(DagError, match="no time zone"):
        validate(Events(at=(datetime(2026, 3, 1),)))  # noqa: DTZ001 - the mistake
    with pytest.raises(DagError, match="not in order"):
        validate(Events(at=DAYS[::-1]))


def test_what_cannot_be_wrong_is_accepted() -> None:
    for schedule in (NoSchedule(), Once(), Continuous(), Custom(classpath="acme.Workdays")):
        validate(schedule)
