"""Changes come by themselves: small, after an absence too, and for hours without growing."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.ui import seed
from tests.ui.conftest import Visitor
from tests.ui.events import change, run_pk_of
from tests.ui.serving import LARGE, Site, running
from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.store.connect import Database, open_database
from tradewind.store.migrate import migrate
from tradewind.store.signal import Signal
from tradewind.web.app import make_app

HOUR_OF_CHANGES = 7_200
"""Two a second: a busy DAG."""
BATCH = 200
"""Changes of one transaction; the stream tells of a thousand at most, else pages read anew."""
GROWTH_BYTES = 10_000_000
STATES = ("queued", "running", "success", "failed", "up_for_retry")


def test_each_change_is_a_few_bytes_and_comes_within_a_second(site: Site) -> None:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=10)
    connection.request("GET", "/ui/stream")
    answer = connection.getresponse()
    lines = iter(answer.fp.readline, b"")
    assert next(line for line in lines if line.startswith(b"event:")) == b"event: hello\n"
    run_pk, took = run_pk_of(site.db, LARGE), []
    # One after the other: each may come just when the server has begun to wait again.
    for number in range(12):
        state = STATES[number % 2]
        started = time.monotonic()
        change(site.db, run_pk, [("step_0003", state)])
        sent = next(line for line in lines if line.startswith(b'data: {"seq"'))
        took.append(time.monotonic() - started)
        (event,) = json.loads(sent.removeprefix(b"data: "))["events"]
        assert (event[0], event[2], event[4]) == (LARGE, "step_0003", state)
        assert len(sent) <= 1_000
        # Out of step with the server's own looks.
        select.select([], [], [], 0.03 * number)
    connection.close()
    assert max(took) <= 1.0, took


# ---- an absence -----------------------------------------------------------------------------


class Fragile:
    """A server that goes away and comes back at the same address."""

    def __init__(self, home: Path) -> None:
        config = load_config(
            {"TRADEWIND_HOME": str(home), "TRADEWIND__API__TRUST_LOOPBACK": "true"}
        )
        self.db: Database = open_database(config.database.sql_alchemy_conn)
        migrate(self.db, 128)
        seeder = seed.Seeder(self.db, home / "logs", SystemClock().now())
        seeder.dag(seed.wide("small", 8), runs=3, every=timedelta(hours=1), live=1)
        self._config = config
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    @contextlib.contextmanager
    def up(self) -> Iterator[str]:
        listener = socket.create_server(("127.0.0.1", self.port))
        app = make_app(self._config, self.db, Signal(self.db), SystemClock())
        with running(app, listener) as url:
            yield url


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Fragile]:
    found = Fragile(tmp_path / "home")
    yield found
    found.db.close()


@pytest.mark.timeout(120)
def test_what_happened_while_the_server_was_away_shows_when_it_is_back(
    browser: Browser, fragile: Fragile
) -> None:
    context = browser.new_context()
    page = context.new_page()
    with fragile.up() as url:
        with page.expect_response("**/ui/stream*"):
            page.goto(f"{url}/dags/small")
        page.get_by_role("grid").focus()
        page.keyboard.press("ArrowDown")
        _chosen(page, "step_0000")
    page.get_by_text("not live").wait_for()
    change(fragile.db, run_pk_of(fragile.db, "small"), [("step_0000", "upstream_failed")])
    with fragile.up():
        _chosen(page, "Upstream failed")
        page.get_by_text("not live").wait_for(state="detached")
        change(fragile.db, run_pk_of(fragile.db, "small"), [("step_0000", "skipped")])
        _chosen(page, "Skipped")
    context.close()


def _chosen(page: Page, text: str) -> None:
    page.wait_for_function(
        "text => document.querySelector('#grid-active')?.textContent.includes(text)", arg=text
    )


# ---- an hour --------------------------------------------------------------------------------


def _heap(session: CDPSession) -> tuple[float, float]:
    """Return bytes in use and nodes of documents, after what is garbage has gone."""
    session.send("HeapProfiler.collectGarbage")
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    found = {metric["name"]: metric["value"] for metric in metrics}
    return found["JSHeapUsedSize"], found["Nodes"]


@pytest.mark.timeout(300)
def test_an_hour_of_changes_leaves_nothing_behind(visitor: Visitor) -> None:
    site, page = visitor.site, visitor.page
    with page.expect_response("**/ui/stream*"):
        visitor.open(site.path(LARGE))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    session = visitor.context.new_cdp_session(page)
    session.send("Performance.enable")
    run_pk = run_pk_of(site.db, LARGE)

    def tell(first: int, count: int) -> None:
        for start in range(first, first + count, BATCH):
            numbers = range(start, start + BATCH)
            changes = [(f"step_{n % 1000:04d}", STATES[n % len(STATES)]) for n in numbers]
            # The last of each batch is the cell that is chosen: the page shows when it has come.
            state = STATES[(start // BATCH) % len(STATES)]
            change(site.db, run_pk, [*changes, ("step_0000", state)])
            _chosen(page, {"up_for_retry": "Up for retry"}.get(state, state.capitalize()))

    tell(0, 10 * BATCH)  # what is kept is filled first
    heap_before, nodes_before = _heap(session)
    tell(10 * BATCH, HOUR_OF_CHANGES)
    heap, nodes = _heap(session)
    assert heap - heap_before <= GROWTH_BYTES, (heap_before, heap)
    assert nodes - nodes_before <= 200, (nodes_before, nodes)
    assert visitor.complaints == []
