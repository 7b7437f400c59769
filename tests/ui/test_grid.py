"""The grid of 1,000 tasks and 100 runs: small to send, fast to paint, live, by keyboard too."""

from __future__ import annotations

import time
import urllib.request

from tests.ui.conftest import Visitor
from tests.ui.events import change, run_pk_of
from tests.ui.serving import LARGE, Site


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


def _cell(visitor: Visitor, row: int, column_from_right: int) -> tuple[float, float]:
    """Return where a cell of the grid is on the screen; the newest run is column 0."""
    box = visitor.page.locator(".sheet canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] - 26 - 10 - 20 * column_from_right, box["y"] + 84 + 12 + 24 * row


def test_cells_are_chosen_together_and_cleared_after_a_dry_run(visitor: Visitor) -> None:
    page = visitor.open(visitor.site.path(LARGE))
    page.wait_for_selector(".sheet canvas")
    page.mouse.move(*_cell(visitor, 0, 2))
    page.mouse.down()
    page.mouse.move(*_cell(visitor, 1, 1))
    page.mouse.move(*_cell(visitor, 2, 0))
    page.mouse.up()
    panel = page.get_by_label("The chosen cells")
    panel.get_by_text("9 task instances").wait_for()
    assert "3 tasks in 3 runs" in panel.inner_text()
    page.keyboard.down("Control")
    page.mouse.click(*_cell(visitor, 0, 0))
    page.mouse.click(*_cell(visitor, 5, 0))
    page.mouse.click(*_cell(visitor, 6, 0))
    page.keyboard.up("Control")
    panel.get_by_text("10 task instances").wait_for()
    page.keyboard.down("Shift")
    page.mouse.click(*_cell(visitor, 8, 0))
    page.keyboard.up("Shift")
    panel.get_by_text("12 task instances").wait_for()

    visitor.requests.clear()
    panel.get_by_role("button", name="Clear", exact=True).click()
    dialog = page.get_by_role("dialog", name="Clear 12 task instances")
    dialog.get_by_label("Downstream").uncheck()
    dialog.get_by_role("button", name="Clear 12").wait_for()
    # One request for each run, and none that changes anything yet.
    asked = [url for url in visitor.requests if url.endswith("/clearTaskInstances")]
    assert len(asked) == 6, "three runs, with and without what is downstream"
    with page.expect_response(
        lambda r: (
            r.url.endswith("/clearTaskInstances")
            and '"dry_run":false' in (r.request.post_data or "")
        )
    ) as cleared:
        dialog.get_by_role("button", name="Clear 12").click()
    assert cleared.value.status == 200
    dialog.wait_for(state="detached")
    assert page.get_by_label("The chosen cells").count() == 0


def test_cells_are_chosen_together_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open(visitor.site.path(LARGE))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    panel = page.get_by_label("The chosen cells")
    panel.get_by_text("6 task instances").wait_for()
    page.keyboard.press("Shift+ArrowRight")
    panel.get_by_text("4 task instances").wait_for()
    page.keyboard.press("Space")
    panel.get_by_text("3 task instances").wait_for()
    panel.get_by_role("button", name="Mark failed").click()
    page.get_by_role("dialog").get_by_role("button", name="Mark 3 failed").wait_for()
    assert visitor.complaints == []


def test_a_group_stands_for_its_tasks(visitor: Visitor) -> None:
    with visitor.site.db.read() as conn:
        dag_id = conn.exec_driver_sql(
            "SELECT dag_id FROM task_instance JOIN dag_run USING (run_pk)"
            " WHERE task_id = 'extract.list_partitions' AND dag_run.state = 'success' LIMIT 1"
        ).scalar_one()
    page = visitor.open(visitor.site.path(dag_id))
    page.get_by_role("button", name="Close groups").click()
    page.get_by_role("button", name="Choose several").click()
    page.get_by_role("grid").focus()
    for _ in range(3):  # the group "extract" is the third row
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    panel = page.get_by_label("The chosen cells")
    panel.get_by_text("3 tasks in one run").wait_for()
    page.keyboard.press("Escape")
    panel.wait_for(state="detached")


def test_a_change_shows_by_itself(visitor: Visitor) -> None:
    site = visitor.site
    with visitor.page.expect_response("**/ui/stream*"):
        page = visitor.open(site.path(LARGE))
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    cell = page.locator("#grid-active")
    before = cell.inner_text()
    visitor.requests.clear()
    change(site.db, run_pk_of(site.db, LARGE), [("step_0000", "up_for_retry")])
    page.wait_for_function(
        "text => document.querySelector('#grid-active').textContent !== text",
        arg=before,
        timeout=1_000 * visitor.slowness(),
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
