"""What expressions mean, and which are refused."""

from __future__ import annotations

from datetime import datetime

import pytest

from tradewind.errors import DagError
from tradewind.model.schedule import CronInterval, CronTrigger
from tradewind.schedule import PRESETS, validate
from tradewind.schedule.cron import parse


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/20 * * * *", ["03-03 07:40", "03-03 08:00"]),
        ("0 5 * * *", ["03-04 05:00", "03-05 05:00"]),
        ("0 5 * * MON-FRI", ["03-04 05:00", "03-05 05:00", "03-06 05:00", "03-09 05:00"]),
        ("0 0 L * *", ["03-31 00:00", "04-30 00:00"]),
        ("0 0 15W * *", ["03-16 00:00", "04-15 00:00", "05-15 00:00"]),
        ("0 0 * * L5", ["03-27 00:00", "04-24 00:00"]),
        ("0 0 * * 5#2", ["03-13 00:00", "04-10 00:00"]),
        ("0 0 13 * 5", ["03-06 00:00", "03-13 00:00", "03-20 00:00"]),
        ("0 0 10 * 5#2", ["03-10 00:00", "03-13 00:00", "04-10 00:00"]),
        ("0 0 L * 1", ["03-09 00:00", "03-16 00:00", "03-23 00:00", "03-30 00:00", "03-31 00:00"]),
        ("0 0 1 JAN,JUL *", ["07-01 00:00"]),
        ("0 0 * * 7", ["03-08 00:00"]),
        ("@weekly", ["03-08 00:00", "03-15 00:00"]),
        ("@quarterly", ["04-01 00:00", "07-01 00:00"]),
        ("30 7 3 3 * 15,45", ["03-03 07:30:15", "03-03 07:30:45"]),
    ],
)
def test_matches(expression: str, expected: list[str]) -> None:
    at: datetime | None = wall("2026-03-03 07:25")
    for text in expected:
        assert at is not None
        at = parse(expression).after(at)
        assert at == wall(f"2026-{text}")


def test_a_match_lies_strictly_after_and_strictly_before() -> None:
    daily = parse("0 5 * * *")
    five = wall("2026-03-03 05:00")
    assert daily.after(five) == wall("2026-03-04 05:00")
    assert daily.before(five) == wall("2026-03-02 05:00")
    assert daily.after(wall("2026-03-03 04:59:59.999999")) == five
    assert daily.before(wall("2026-03-03 05:00:00.000001")) == five


def test_rare_days_are_found_across_decades() -> None:
    leap = parse("0 0 29 2 *")
    assert leap.after(wall("2096-03-01")) == wall("2104-02-29")
    assert parse("0 0 * 2 1#5").after(wall("2026-01-01")) == wall("2044-02-29")


def test_a_year_that_has_passed_has_no_next_match() -> None:
    once = parse("0 0 1 1 * 0 2020")
    assert once.after(wall("2026-01-01")) is None
    assert once.before(wall("2026-01-01")) == wall("2020-01-01")


def test_every_preset_is_an_expression() -> None:
    for preset, expression in PRESETS.items():
        validate(CronTrigger(expressions=(preset,)))
        at = wall("2026-02-03 04:05")
        assert parse(preset).after(at) == parse(expression).after(at)


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("0 0 W * *", "'15W'"),
        ("0 0 LW * *", "last day of the month"),
        ("H * * * *", "Write the minute"),
        ("H/5 2 * * *", "Write the minute"),
        ("R * * * *", "Write the minute"),
        ("@reboot", "@daily"),
        ("@fortnightly", "@weekly"),
        ("@every 5m", "cron expression"),
        ("* * *", "five fields"),
        ("", "five fields"),
        ("61 * * * *", "five fields"),
        ("every day", "five fields"),
        ("0 0 31 2 *", "never comes due"),
        ("0 0 30 2 *", "never comes due"),
    ],
)
def test_refused_by_name_with_a_fix(expression: str, fix: str) -> None:
    for schedule in (
        CronTrigger(expressions=("@daily", expression)),
        CronInterval(expression=expression),
    ):
        with pytest.raises(DagError) as refused:
            validate(schedule)
        assert repr(expression) in str(refused.value)
        assert fix in str(refused.value)


def test_names_with_the_letters_of_refused_forms_are_fine() -> None:
    for expression in ("0 0 * MAR *", "0 0 * * THU", "0 0 * * WED,FRI"):
        validate(CronTrigger(expressions=(expression,)))
