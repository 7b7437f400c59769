"""The grid of 1,000 tasks and 100 runs: small to send, fast to paint, live, by keyboard too."""

from __future__ import annotations

import time
import urllib.request

from sqlalchemy import insert

from tests.ui.conftest import Visitor
from tests.ui.serving import LARGE, Site
from tradewind.store import tables


def test_the_matrix_is_small(site: Site) -> None:
    request = urllib.request.Request(  # noqa: S310  our own server
        f"{site.url}/ui/grid?dag={LARGE}&runs=100", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert len(answer.read()) <= 64_000
    started = time.monotonic()
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()
    # Finished runs' columns are kept: no 100,000 rows are read again.
    assert time.monotonic() - started <= 0.3


def test_it_is_painted_at_once_and_of_few_nodes(visitor: Visitor) -> None:
    visitor.context.add_init_script("localStorage.setItem('tradewind.grid.runs', '100')")
    visitor.open("/dags")
    took: list[float] = []
    for _ in range(3):
        visitor.open(visitor.site.path(LARGE))
        visitor.page.wait_for_selector(".sheet canvas")
        took.append(
            visitor.page.evaluate(
                "new Promise(done => requestAnimationFrame(() => done(performance.now())))"
            )
        )
    nodes = visitor.page.evaluate("document.querySelectorAll('*').length")
    assert nodes <= 1_500
    assert min(took) <= 500 * visitor.slowness(), took
    assert visitor.page.get_by_role("grid").get_attribute("aria-rowcount") == "1000"


def test_cells_are_chosen_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open(visitor.site.path(LARGE))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert "step_0001" in page.locator("#grid-active").inner_text()
    panel = page.get_by_label("The chosen cell")
    panel.get_by_role("link", name="Log and details").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks/step_0001")


def test_a_change_shows_by_itself(visitor: Visitor) -> None:
    site = visitor.site
    with visitor.page.expect_response("**/ui/stream"):
        page = visitor.open(site.path(LARGE))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    cell = page.locator("#grid-active")
    before = cell.inner_text()
    with site.db.read() as conn:
        run_pk = conn.exec_driver_sql(
            "SELECT run_pk FROM dag_run WHERE dag_id = ? ORDER BY run_after DESC LIMIT 1", (LARGE,)
        ).scalar_one()
    visitor.requests.clear()
    with site.db.write() as conn:
        ti = tables.task_instance
        conn.execute(
            ti.update()
            .where(ti.c.run_pk == run_pk, ti.c.task_id == "step_0000")
            .values(state="up_for_retry")
        )
        conn.execute(
            insert(tables.ti_event).values(
                at=site.seeder.now,
                subject="task",
                run_pk=run_pk,
                task_id="step_0000",
                map_index=-1,
                try_number=1,
                from_state="running",
                to_state="up_for_retry",
                actor="test",
            )
        )
    page.wait_for_function(
        "text => document.querySelector('#grid-active').textContent !== text",
        arg=before,
        timeout=2_000,
    )
    assert cell.inner_text().endswith("Up for retry")
    # Nothing but the chosen cell's own panel was asked for again: no grid.
    assert [url for url in visitor.requests if "/ui/grid" in url] == []


def test_a_graph_of_a_thousand_tasks_is_laid_out_fast(visitor: Visitor) -> None:
    took: list[float] = []
    for _ in range(3):
        visitor.open(visitor.site.path(LARGE, "graph"))
        visitor.page.wait_for_selector(".graph[data-ready]")
        took.append(visitor.page.evaluate("performance.now()"))
    assert min(took) <= 700 * visitor.slowness(), took
    graph = visitor.page.get_by_role("application")
    graph.focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("ArrowRight")
    assert visitor.page.locator("#graph-active").inner_text().startswith("step_")
