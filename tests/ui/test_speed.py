"""Answers to clicks come within a tenth of a second, pages stand still, searches are quick.

Marks are for an idle machine; `Visitor.slowness` says how much slower this one is now.
"""

from __future__ import annotations

from tests.ui.conftest import Visitor
from tests.ui.serving import LARGE

FIRST_CONTENT_MS = 500
LARGEST_CONTENT_MS = 800
ANSWER_MS = 100
FRAME_MS = 18
"""55 frames a second."""
SHIFT = 0.02

_WATCH = """
window.shift = 0; window.largest = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) largest = entry.startTime;
}).observe({type: 'largest-contentful-paint', buffered: true});
"""
# From the click until what it brought about is painted.
_ANSWER = """async ([x, y, type]) => {
  const canvas = document.querySelector('.sheet canvas');
  const rect = canvas.getBoundingClientRect();
  const at = {clientX: rect.left + x, clientY: rect.top + y, bubbles: true};
  const began = performance.now();
  canvas.dispatchEvent(new MouseEvent(type, at));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""
_SCROLL = """async () => {
  const sheet = document.querySelector('.sheet');
  const took = [];
  for (let n = 1; n <= 60; n++) {
    const began = performance.now();
    sheet.scrollTop = n * 120;
    sheet.dispatchEvent(new Event('scroll'));
    // What the page does for a step; the browser waits for its next frame anyway.
    await new Promise(done => setTimeout(done));
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.75)];
}"""


def test_first_pages_are_painted_soon_and_stand_still(visitor: Visitor) -> None:
    visitor.context.add_init_script(_WATCH)
    page = visitor.page
    for path in ("/dags", "/", visitor.site.path(LARGE)):
        largest, shifts = [], []
        for _ in range(3):
            visitor.open(path)
            page.wait_for_load_state("networkidle")
            largest.append(page.evaluate("largest"))
            shifts.append(page.evaluate("shift"))
        assert 0 < min(largest) <= LARGEST_CONTENT_MS * visitor.slowness(), (path, largest)
        assert max(shifts) <= SHIFT, (path, shifts)


def test_the_grid_answers_within_a_tenth_of_a_second(visitor: Visitor) -> None:
    visitor.context.add_init_script("localStorage.setItem('tradewind.grid.runs', '100')")
    page = visitor.open(visitor.site.path(LARGE))
    page.wait_for_selector(".sheet canvas")
    page.evaluate(_ANSWER, [100, 100, "click"])  # the panel's code comes once
    page.get_by_label("The chosen cell").wait_for()
    clicks = [page.evaluate(_ANSWER, [60 + 20 * n, 100 + 24 * n, "click"]) for n in range(12)]
    assert sorted(clicks)[8] <= ANSWER_MS * visitor.slowness(), clicks
    hovers = [page.evaluate(_ANSWER, [60 + 20 * n, 100 + 24 * n, "mousemove"]) for n in range(12)]
    # A frame of waiting is in it: the picture is painted in the next one.
    assert sorted(hovers)[8] <= 2 * FRAME_MS * visitor.slowness(), hovers


def test_the_grid_scrolls_a_thousand_rows_without_a_hitch(visitor: Visitor) -> None:
    visitor.context.add_init_script("localStorage.setItem('tradewind.grid.runs', '100')")
    page = visitor.open(visitor.site.path(LARGE))
    page.wait_for_selector(".sheet canvas")
    assert page.evaluate(_SCROLL) <= FRAME_MS * visitor.slowness()
    assert page.evaluate("document.querySelectorAll('*').length") <= 1_500


def test_a_filter_answers_each_key_at_once(visitor: Visitor) -> None:
    page = visitor.open("/dags")
    page.wait_for_load_state("networkidle")
    took: list[float] = []
    for letter in "orders":
        with page.expect_response("**/ui/dags?*") as answered:
            page.get_by_label("Search DAGs").press(letter)
        took.append(answered.value.request.timing["responseEnd"])
    assert sorted(took)[3] <= ANSWER_MS * visitor.slowness(), took
