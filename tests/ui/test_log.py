"""The log page: the end of a large log at once, searched whole, and live."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.ui.conftest import Visitor, slowness_of_this_machine
from tests.ui.serving import LARGE, Site

SIZE = 200_000_000


@pytest.fixture(scope="session")
def large_log(site: Site) -> tuple[str, str]:
    run, _ = site.run_of(LARGE, "success")
    path = site.seeder.log(LARGE, run, "step_0002", lines=10_000, failing=True)
    block = path.read_bytes()
    with path.open("ab") as handle:
        for _ in range(SIZE // len(block)):
            handle.write(block)
    return run, "step_0002"


def _get(site: Site, path: str, **query: Any) -> Any:
    address = f"{site.url}{path}?{urlencode(query)}"
    with urllib.request.urlopen(address) as answer:  # noqa: S310  our own server
        return json.load(answer)


def test_the_end_of_a_large_log_comes_at_once(site: Site, large_log: tuple[str, str]) -> None:
    run, task = large_log
    took = []
    for _ in range(3):
        started = time.monotonic()
        found = _get(site, "/ui/log", dag=LARGE, run=run, task=task)
        took.append(time.monotonic() - started)
    assert found["size"] >= SIZE - 2_000_000
    assert len(found["lines"]) == 500
    assert found["end"] == found["size"]
    assert min(took) <= 0.3, took


def test_parts_join_without_gap_or_overlap(site: Site, large_log: tuple[str, str]) -> None:
    run, task = large_log
    where = {"dag": LARGE, "run": run, "task": task}
    end = _get(site, "/ui/log", **where, lines=10)
    before = _get(site, "/ui/log", **where, lines=10, before=end["start"])
    assert before["end"] == end["start"]
    assert len(before["lines"]) == 10
    again = _get(site, "/ui/log", **where, lines=20, after=before["start"])
    assert [line[0] for line in again["lines"]] == [
        line[0] for part in (before, end) for line in part["lines"]
    ]


def test_search_covers_the_whole_log(site: Site, large_log: tuple[str, str]) -> None:
    run, task = large_log
    where = {"dag": LARGE, "run": run, "task": task}
    started = time.monotonic()
    found = _get(site, "/ui/log/search", **where, text="BATCH 3,002:")
    # Counted to the end, not only to the first hits.
    assert time.monotonic() - started <= 3 * slowness_of_this_machine()
    copies = found["total"]
    assert copies > 100
    hit = _get(site, "/ui/log", **where, after=found["hits"][50], lines=1)["lines"][0]
    assert hit[4].startswith("batch 3,002:")
    errors = _get(site, "/ui/log/search", **where, level="error")
    assert errors["total"] == 2 * copies


def test_new_lines_show_by_themselves(visitor: Visitor) -> None:
    site = visitor.site
    with site.db.read() as conn:
        dag_id, run, task = conn.exec_driver_sql(
            "SELECT dag_id, run_id, task_id FROM dag_run JOIN task_instance USING (run_pk)"
            " WHERE dag_run.state = 'running' AND task_instance.state = 'running'"
            " AND map_index < 0 LIMIT 1"
        ).one()
    path = site.seeder.log(dag_id, run, task, lines=30, failing=False)
    page = visitor.open(site.path(dag_id, "runs", run, "tasks", task))
    page.get_by_text("batch 29:").wait_for()
    _append(path, {"level": "error", "event": "the line that came later"})
    page.get_by_text("the line that came later").wait_for(timeout=2_000)
    page.get_by_role("button", name="Next error").click()
    page.locator(".line.found", has_text="the line that came later").wait_for()


def test_a_search_goes_from_hit_to_hit(visitor: Visitor, large_log: tuple[str, str]) -> None:
    run, task = large_log
    page = visitor.open(visitor.site.path(LARGE, "runs", run, "tasks", task))
    page.get_by_label("Search the whole log").fill("batch 17:")
    page.keyboard.press("Enter")
    page.locator(".line.found", has_text="batch 17:").wait_for()
    first = page.locator(".line.found").get_attribute("data-at")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "at => document.querySelector('.line.found')?.dataset.at !== at", arg=first
    )
    assert page.locator(".line").count() <= 4_000


def _append(path: Path, record: dict[str, str]) -> None:
    with path.open("ab") as handle:
        handle.write(json.dumps(record).encode() + b"\n")
