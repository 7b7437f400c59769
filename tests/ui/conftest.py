"""A browser, and a server with a busy installation to look at.

Skipped without Chromium; on CI they fail instead (`tools/servers.py` installs it).
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.ui import seed
from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.store.connect import Database, open_database
from tradewind.store.migrate import migrate
from tradewind.store.signal import Signal
from tradewind.web.app import make_app

LARGE = "thousand_tasks"
HOSTILE = '"><img src=x onerror=hit()>'
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Site(msgspec.Struct, frozen=True):
    """The server, its database and its logs."""

    url: str
    db: Database
    logs: Path
    seeder: seed.Seeder

    def run_of(self, dag_id: str, state: str) -> tuple[str, str]:
        """Return the id of a run in a state, and of a task that is in it too."""
        wanted = {"failed": "failed", "running": "running", "success": "success"}[state]
        with self.db.read() as conn:
            row = conn.exec_driver_sql(
                "SELECT run_id, task_id FROM dag_run JOIN task_instance USING (run_pk)"
                " WHERE dag_id = ? AND dag_run.state = ? AND task_instance.state = ?"
                " AND map_index < 0 ORDER BY run_after DESC LIMIT 1",
                (dag_id, state, wanted),
            ).one()
        return row[0], row[1]

    def path(self, *parts: str) -> str:
        """Return an address below /dags."""
        return self.url + "/dags/" + "/".join(quote(part, safe="") for part in parts)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("ui-home")
    config = load_config({"TRADEWIND_HOME": str(home), "TRADEWIND__API__TRUST_LOOPBACK": "true"})
    logs = config.logging.base_log_folder
    logs.mkdir(parents=True, exist_ok=True)
    db = open_database(config.database.sql_alchemy_conn)
    migrate(db, 128)
    seeder = seed.busy(db, logs, dags=14, now=datetime.now(UTC))
    seeder.repeated(seed.wide(LARGE, 1000), runs=100, every=timedelta(hours=1))
    seed.hostile(seeder, HOSTILE)
    listener = socket.create_server(("127.0.0.1", 0))
    app = make_app(config, db, Signal(db), SystemClock())
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", db, logs, seeder)
    server.should_exit = True
    thread.join(10)
    listener.close()
    db.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed; python3 tools/servers.py installs it")
        pytest.skip("Chromium is not installed; python3 tools/servers.py says how to")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


class Visitor:
    """A page that notes what the console says and which requests went out."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site = site
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console",
            lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None,
        )
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.requests.append(r.url))

    def open(self, path: str) -> Page:
        """Go to a path and wait until what it shows is there."""
        self.page.goto(path if path.startswith("http") else self.site.url + path)
        self.page.wait_for_selector("h1")
        self.page.wait_for_function("() => !document.querySelector('.skeleton')")
        return self.page


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport={"width": 1360, "height": 860}, timezone_id="Europe/Berlin"
    )
    yield Visitor(context, site)
    context.close()
