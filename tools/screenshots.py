"""Take the pictures of the docs: the main pages, light and dark, of a made-up installation.

`make screenshots` writes docs/screenshots/*.png; look at them before you commit them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.ui.serving import FLAGS, Site, find_chromium, serve
from tradewind.clock import SystemClock
from tradewind.store import components

TARGET = Path(__file__).resolve().parents[1] / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    program = find_chromium()
    if program is None:
        sys.exit("Chromium is missing: python3 tools/servers.py")
    TARGET.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), dags=40, hostile=False) as site,
        sync_playwright() as playwright,
    ):
        for kind in ("scheduler", "dag_processor", "worker", "triggerer"):
            components.register(site.db, kind, SystemClock().now())
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for name, path, theme in pages(site):
            context = browser.new_context(
                viewport=SIZE, color_scheme=theme, timezone_id="Europe/Berlin"
            )
            page = context.new_page()
            page.goto(path)
            page.wait_for_selector("h1")
            page.wait_for_load_state("load")
            page.wait_for_function("() => !document.querySelector('.skeleton')")
            page.wait_for_timeout(800)
            page.screenshot(path=TARGET / f"{name}.png")
            context.close()
        browser.close()


def pages(site: Site) -> list[tuple[str, str, str]]:
    """Return name, address and theme of each picture."""
    with site.db.read() as conn:
        dag_id, run_id, task_id = conn.exec_driver_sql(
            "SELECT dag_id, run_id, task_id FROM dag_run JOIN task_instance USING (run_pk)"
            " WHERE dag_run.state = 'failed' AND task_instance.state = 'failed'"
            " AND map_index < 0 AND task_id LIKE 'transform.%' ORDER BY run_after DESC LIMIT 1"
        ).one()
    site.seeder.log(dag_id, run_id, task_id, lines=300, try_number=2)
    run = site.path(dag_id, "runs", run_id)
    return [
        ("home", f"{site.url}/", "light"),
        ("dags", f"{site.url}/dags", "light"),
        ("grid", site.path(dag_id), "light"),
        ("grid-dark", site.path(dag_id), "dark"),
        ("gantt", f"{run}/gantt", "light"),
        ("log-dark", site.path(dag_id, "runs", run_id, "tasks", task_id), "dark"),
    ]


if __name__ == "__main__":
    main()
