"""A browser, and a server with a busy installation to look at.

Skipped without Chromium; on CI they fail instead (`tools/servers.py` installs it).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.ui.serving import FLAGS, Site, find_chromium, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a run that mixes these tests with others.

    The browser's driver keeps an event loop running in the main thread for as long as the
    browser lives, in which no other test could run a loop of its own.
    """
    here = Path(__file__).parent
    if len({item.path.is_relative_to(here) for item in items}) > 1:
        raise pytest.UsageError(
            "tests/ui run by themselves: `pytest tests/ui`, and `pytest --ignore=tests/ui` for "
            "the others; `make test` does both"
        )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("ui-home"), dags=14) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed; python3 tools/servers.py installs it")
        pytest.skip("Chromium is not installed; python3 tools/servers.py says how to")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


IDLE_LOOP_MS = 60.0
_LOOP = """() => [0, 1, 2].map(() => {
  const start = performance.now();
  let x = 1;
  for (let i = 0; i < 2_000_000; i++) x = (x * 48271) % 2147483647;
  return performance.now() - start + (x === 0 ? 1 : 0);
})"""


IDLE_PYTHON_MS = 90.0


def slowness_of_this_machine() -> float:
    """Return the same for what no browser does: a loop of Python, timed there and here."""
    took = []
    for _ in range(3):
        started = time.monotonic()
        x = 1
        for _ in range(1_000_000):
            x = x * 48_271 % 2_147_483_647
        took.append((time.monotonic() - started) * 1000)
    return max(1.0, sorted(took)[1] / IDLE_PYTHON_MS)


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

    def slowness(self) -> float:
        """Return how much slower this machine is now than one with nothing else to do; 1 or more.

        Marks are for an idle machine of two cores; the same loop is timed there and here.
        """
        took: list[float] = self.page.evaluate(_LOOP)
        return max(1.0, sorted(took)[1] / IDLE_LOOP_MS)

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
