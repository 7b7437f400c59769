"""Every time on every page says its zone, and is what the clocks there show."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.ui.conftest import Visitor
from tests.ui.test_pages import paths

ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Europe/Berlin")
# "09:42 CET", "18 Mar 09:42:07 GMT+5:30", "18 Mar 2025 09:42 UTC"
STAMP = re.compile(
    r"^(?:(?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2,3}) (?:(?P<year>\d{4}) )?)?"
    r"(?P<clock>\d{2}:\d{2}(?::\d{2})?) (?P<zone>UTC|[A-Z]{3,5}|GMT[+-]\d{1,2}(?::\d{2})?)$"
)
AGO = re.compile(r"^(now|in .+|.+ ago)$")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.timeout(300)
def test_every_time_is_the_zones_own(visitor: Visitor, zone: str) -> None:
    visitor.context.add_init_script(f"localStorage.setItem('tradewind.zone', '{zone}')")
    seen, wrong = 0, []
    for name, path in paths(visitor.site).items():
        page = visitor.open(path)
        shown: list[list[str]] = page.eval_on_selector_all(
            "time", "all => all.map(t => [t.dateTime, t.innerText, t.title])"
        )
        for iso, text, title in shown:
            seen += 1
            # A span ("3 min ago") has the time itself in its hint.
            stamp = title.partition(" · ")[0] if AGO.match(text) else text
            if not _is_right(stamp, datetime.fromisoformat(iso), ZoneInfo(zone)):
                wrong.append((name, iso, text, title))
    assert wrong == []
    assert seen > 100


def _is_right(text: str, at: datetime, zone: ZoneInfo) -> bool:
    found = STAMP.match(text)
    if found is None or at.tzinfo is None:
        return False
    local = at.astimezone(zone)
    if not f"{local:%H:%M:%S}".startswith(found["clock"]):
        return False
    if found["day"] is not None:
        if int(found["day"]) != local.day or not found["month"].startswith(f"{local:%b}"):
            return False
    elif local.date() != datetime.now(UTC).astimezone(zone).date():
        return False
    if not found["zone"].startswith("GMT"):
        return found["zone"] in {"UTC", local.tzname()}
    offset = local.utcoffset()
    assert offset is not None
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    sign = "-" if offset.total_seconds() < 0 else "+"
    return found["zone"] == f"GMT{sign}{hours}" + (f":{minutes:02d}" if minutes else "")


@pytest.mark.parametrize(
    ("zone", "clock", "at"),
    [
        # The hour that summer time skips, and the one that it gives back.
        ("Europe/Berlin", "2026-03-29T03:30", "2026-03-29T01:30:00Z"),
        ("Europe/Berlin", "2026-10-25T01:30", "2026-10-24T23:30:00Z"),
        ("America/St_Johns", "2026-11-01T12:00", "2026-11-01T15:30:00Z"),
        ("Asia/Kolkata", "2026-01-01T00:00", "2025-12-31T18:30:00Z"),
        ("Pacific/Apia", "2026-04-01T00:30", "2026-03-31T11:30:00Z"),
    ],
)
def test_a_date_that_is_typed_means_that_clock(
    visitor: Visitor, zone: str, clock: str, at: str
) -> None:
    visitor.context.add_init_script(f"localStorage.setItem('tradewind.zone', '{zone}')")
    page = visitor.open("/dags?search=release")
    page.get_by_role("button", name="Trigger release_pricing_model").click()
    form = page.get_by_role("dialog")
    form.get_by_text("More: date").click()
    form.get_by_label("Logical date").fill(clock)
    form.get_by_label("Run id").fill("not a run id")  # the form stays where it is
    form.get_by_label("Run id").fill(f"typed-in-{zone.replace('/', '.')}-{clock[:10]}")
    with page.expect_request(lambda r: r.method == "POST") as sent:
        form.get_by_role("button", name="Trigger", exact=True).click()
    asked = json.loads(sent.value.post_data or "")
    assert datetime.fromisoformat(asked["logical_date"]) == datetime.fromisoformat(at)
