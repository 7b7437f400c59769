"""Every page can be used by keyboard alone: all is reached, nothing traps, the focus is seen."""

from __future__ import annotations

import pytest

from tests.ui.conftest import Visitor
from tests.ui.serving import LARGE
from tests.ui.test_pages import paths

MOST_STOPS = 400
_NEEDED = """() => {
  const all = document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]');
  return [...all].filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility()
    && !e.closest('[inert]')).map((e, n) => (e.dataset.stop = String(n))).length;
}"""
_HERE = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const label = e.closest('label');
  const seen = s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1;
  return [e.dataset.stop ?? null, seen(style) || (label && seen(getComputedStyle(label))),
    e.outerHTML.slice(0, 120)];
}"""


@pytest.mark.timeout(300)
def test_tab_reaches_everything_and_the_focus_is_seen(visitor: Visitor) -> None:
    page = visitor.page
    wrong: dict[str, list[str]] = {}
    chosen = (
        "dags", "home", "users", "account", "audit", "config", "questions", "dag ", "dag runs",
        "dag details", "run", "task log", "task attempts", "assets", "backfills",
    )  # fmt: skip
    found = paths(visitor.site)
    for name in chosen:
        visitor.open(found[name])
        needed = page.evaluate(_NEEDED)
        reached: set[str] = set()
        problems = []
        for _ in range(min(needed + 5, MOST_STOPS)):
            page.keyboard.press("Tab")
            here = page.evaluate(_HERE)
            if here is None:
                continue  # the browser's own part: there is a way out
            stop, seen, html = here
            if stop is None:
                continue  # it came while we went
            reached.add(stop)
            if not seen:
                problems.append(f"no focus is seen: {html}")
        missing = needed - len(reached)
        if missing > 0 and needed + 5 <= MOST_STOPS:
            problems.append(f"{missing} of {needed} are not reached")
        if problems:
            wrong[name] = problems
    assert wrong == {}


def test_a_dialog_holds_the_focus_and_gives_it_back(visitor: Visitor) -> None:
    page = visitor.open(visitor.site.path(LARGE))
    page.get_by_role("button", name="Trigger", exact=True).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body"
            " || document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent").strip() == "Trigger"


def test_pages_are_gone_to_and_lists_walked_by_single_keys(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/dags")
    page.locator(".dag-list tbody tr").first.wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dags/*")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_function("() => location.pathname === '/'")


def test_single_keys_can_be_turned_off(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.keyboard.press("?")
    page.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.keyboard.press("?")
    assert page.evaluate("location.pathname") == "/"
    assert page.get_by_role("dialog").count() == 0
    page.keyboard.press("Control+k")
    page.get_by_role("listbox", name="Found").wait_for()


def test_the_palette_finds_pages_settings_and_actions_of_the_dag(visitor: Visitor) -> None:
    page = visitor.open(visitor.site.path(LARGE))
    for text, href in (("questi", "/questions"), ("your acc", "/account")):
        page.keyboard.press("Control+k")
        page.get_by_role("dialog").get_by_role("combobox").fill(text)
        page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
        page.keyboard.press("Enter")
        page.wait_for_function("href => location.pathname === href", arg=href)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").fill("theme dark")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
