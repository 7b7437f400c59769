"""Every page, in both themes: no complaint in the console, nothing that shuts people out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from tests.ui import seed
from tests.ui.conftest import Visitor
from tests.ui.serving import HOSTILE, LARGE, Site

AXE = Path(__file__).with_name("axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def paths(site: Site) -> dict[str, str]:
    """Return an address of every page, by name."""
    dag = _dag(site)
    run, task = site.run_of(dag, "failed")
    below = site.path(dag, "runs", run)
    paths = {
        name: f"/{name}"
        for name in (
            "dags",
            "runs",
            "questions",
            "assets",
            "backfills",
            "workers",
            "audit",
            "errors",
            "config",
            "users",
            "account",
            "pools",
            "variables",
            "connections",
        )
    }
    paths["home"] = "/"
    paths["nowhere"] = "/no/such/page"
    for view in ("", "graph", "gantt", "runs", "calendar", "backfills", "code", "details"):
        paths[f"dag {view}"] = site.path(dag, view) if view else site.path(dag)
    paths |= {"run": below, "run gantt": f"{below}/gantt", "run details": f"{below}/details"}
    for tab in ("log", "xcom", "rendered", "attempts", "details"):
        paths[f"task {tab}"] = site.path(dag, "runs", run, "tasks", task) + f"?tab={tab}"
    paths["mapped"] = site.path(dag, "runs", run, "tasks", "extract.download_partition")
    return paths


def _dag(site: Site) -> str:
    with site.db.read() as conn:
        found = conn.exec_driver_sql(
            "SELECT dag_id FROM dag_run JOIN task_instance USING (run_pk)"
            " WHERE dag_run.state = 'failed' AND task_instance.state = 'failed'"
            " AND map_index < 0 AND dag_id NOT IN (?, 'hostile') ORDER BY dag_id LIMIT 1",
            (LARGE,),
        ).scalar_one()
    return str(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.timeout(300)
def test_pages_are_accessible_and_quiet(visitor: Visitor, theme: str) -> None:
    site = visitor.site
    dag = _dag(site)
    run, task = site.run_of(dag, "failed")
    site.seeder.log(dag, run, task, lines=60, try_number=2)
    visitor.context.add_init_script(f"localStorage.setItem('tradewind.theme', '{theme}')")
    found: dict[str, list[str]] = {}
    for name, path in paths(site).items():
        visitor.open(path)
        problems = violations(visitor.page) + visitor.complaints
        visitor.complaints.clear()
        if problems:
            found[name] = problems
    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.timeout(180)
def test_dialogs_are_accessible(visitor: Visitor, theme: str) -> None:
    visitor.context.add_init_script(f"localStorage.setItem('tradewind.theme', '{theme}')")
    page = visitor.open(visitor.site.path(_dag(visitor.site)))
    page.get_by_role("button", name="Trigger", exact=True).click()
    page.get_by_role("dialog").get_by_label("batch_size").wait_for()
    assert violations(visitor.page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
    assert violations(visitor.page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keyboard shortcuts").wait_for()
    assert violations(visitor.page) == []
    for path, button in (
        ("/users", "Add a user"),
        ("/pools", "Add a pool"),
        ("/variables", "Add a variable"),
        ("/connections", "Add a connection"),
        (f"/dags/{seed.ASKING}/backfills", "Backfill"),
    ):
        visitor.open(path)
        page.get_by_role("button", name=button).first.click()
        page.get_by_role("dialog").locator("input").first.wait_for()
        assert violations(visitor.page) == [], path
    visitor.open("/")
    page.get_by_role("button", name="Answer").last.click()
    page.get_by_role("dialog").get_by_role("button").nth(1).wait_for()
    assert violations(visitor.page) == []
    dag = _dag(visitor.site)
    run, task = visitor.site.run_of(dag, "failed")
    visitor.open(visitor.site.path(dag, "runs", run, "tasks", task))
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_label("Affected task instances").wait_for()
    assert violations(visitor.page) == []
    assert visitor.complaints == []


def test_the_first_page_comes_fast(visitor: Visitor) -> None:
    painted: list[float] = []
    for _ in range(5):
        visitor.requests.clear()
        page = visitor.open("/dags")
        painted.append(
            page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )
    own = [
        url for url in visitor.requests if not url.endswith("/icon.svg") and "/ui/stream" not in url
    ]
    assert len(own) <= 7, own
    assert sorted(painted)[2] <= 500 * visitor.slowness(), painted


@pytest.mark.timeout(180)
def test_hostile_texts_are_texts(visitor: Visitor) -> None:
    site = visitor.site
    hits: list[str] = []
    visitor.page.expose_function("hit", lambda: hits.append("hit"))
    run, task = site.run_of("hostile", "failed")
    below = site.path("hostile", "runs", run)
    _plant(visitor, run, task)
    for path in (
        "/pools",
        "/variables",
        "/connections",
        "/users",
        "/audit",
        "/errors",
        "/assets",
        f"{below}/tasks/{task}?tab=xcom",
        f"{below}/tasks/{task}?tab=attempts",
        f"{below}/details",
        f"{below}/graph",
        "/dags?search=%22%3E%3Cimg%20src=x%20onerror=hit()%3E",
        "/dags?search=hostile",
        "/questions",
        "/",
        site.path("hostile"),
        site.path("hostile", "graph"),
        site.path("hostile", "details"),
        site.path("hostile", "runs"),
        below,
        f"{below}/tasks/{task}",
        f"{below}/tasks/{task}?tab=details",
        "/dags/%22%3E%3Cimg%20src=x%20onerror=hit()%3E",
    ):
        page = visitor.page
        page.goto(path if path.startswith("http") else site.url + path)
        page.wait_for_selector("h1, h2")
        page.wait_for_function("() => !document.querySelector('.skeleton')")
        assert page.evaluate("document.querySelectorAll('main img, [onerror]').length") == 0, path
    visitor.open(site.path("hostile"))
    visitor.page.get_by_role("button", name="Trigger", exact=True).click()
    visitor.page.get_by_role("dialog").locator("input").first.wait_for()
    assert hits == []


def _plant(visitor: Visitor, run: str, task: str) -> None:
    """Put hostile texts wherever somebody may write one."""
    site = visitor.site
    api = f"{site.url}/api/v2"
    below = f"{api}/dags/hostile/dagRuns/{quote(run, safe='')}/taskInstances/{task}"
    for address, body in (
        (f"{api}/pools", {"name": "hostile", "slots": 1, "description": HOSTILE}),
        (f"{api}/variables", {"key": "hostile", "value": HOSTILE, "description": HOSTILE}),
        (
            f"{api}/connections",
            {
                "connection_id": "hostile",
                "conn_type": HOSTILE,
                "host": HOSTILE,
                "login": HOSTILE,
                "description": HOSTILE,
            },
        ),
        (f"{below}/xcomEntries", {"key": "hostile", "value": {HOSTILE: HOSTILE}}),
        (
            f"{site.url}/auth/users",
            {"username": "mallory", "role": "viewer", "password": "x" * 12, "email": HOSTILE},
        ),
    ):
        answer = visitor.context.request.post(address, data=body)
        assert answer.ok, (address, answer.text())
    with site.db.write() as conn:
        broken = conn.exec_driver_sql(
            "UPDATE dag_file SET import_error = ?, failed_at = ? WHERE path = 'hostile.py'",
            (HOSTILE, 1_700_000_000_000_000),
        )
        assert broken.rowcount == 1


@pytest.mark.timeout(300)
def test_a_phone_needs_no_sideways_scrolling(visitor: Visitor) -> None:
    page = visitor.page
    found: dict[str, int] = {}
    for width in (360, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for name, path in paths(visitor.site).items():
            visitor.open(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found[f"{name} at {width}"] = wide
    assert found == {}


def test_from_a_failure_to_its_log_in_two_taps(visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 360, "height": 800})
    visitor.open("/?hours=720")
    page.get_by_role("link", name="Log", exact=True).first.click()
    page.wait_for_url("**/tasks/**")
    page.get_by_role("region", name="Log").wait_for()


def test_times_say_their_zone(visitor: Visitor) -> None:
    page = visitor.open("/runs")
    assert page.locator("tbody time").first.inner_text().endswith(("CET", "CEST"))
    page.get_by_label("Time zone").select_option("UTC")
    assert page.locator("tbody time").first.inner_text().endswith("UTC")


def test_the_palette_goes_to_a_dag_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.keyboard.press("Control+k")
    page.get_by_role("listbox", name="Found").get_by_role("option").first.wait_for()
    page.keyboard.type("thoutask")
    page.get_by_role("option", name=LARGE).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/dags/{LARGE}")


def test_a_note_is_written_changed_and_removed(visitor: Visitor) -> None:
    site = visitor.site
    dag = _dag(site)
    run, task = site.run_of(dag, "failed")
    page = visitor.open(site.path(dag, "runs", run, "tasks", task))
    page.get_by_role("button", name="Add a note").click()
    page.get_by_role("textbox", name="Note").fill("asked **finance**, they fix the export")
    page.get_by_role("button", name="Save").click()
    note = page.get_by_role("region", name="Note")
    assert note.locator("strong").inner_text() == "finance"
    note.get_by_role("button", name="Change the note").click()
    page.get_by_role("textbox", name="Note").fill("")
    page.get_by_role("button", name="Save").click()
    note.wait_for(state="detached")
    page.get_by_role("button", name="Add a note").wait_for()

    page = visitor.open(site.path(dag, "runs", run))
    page.get_by_role("button", name="Add a note").click()
    page.get_by_role("textbox", name="Note").fill("see the incident")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("region", name="Note").get_by_text("see the incident").wait_for()
    assert visitor.complaints == []


def test_favorites_are_found_first(visitor: Visitor) -> None:
    page = visitor.open("/dags")
    page.get_by_role("button", name=f"{LARGE} is a favorite").click()
    page.get_by_role("button", name="Favorites", exact=True).click()
    page.get_by_text("1 DAG", exact=True).wait_for()
    star = page.get_by_role("button", name=f"{LARGE} is a favorite")
    assert star.get_attribute("aria-pressed") == "true"
    visitor.open(visitor.site.path(LARGE))
    star.click()
    visitor.open("/dags?favorite=true")
    page.get_by_text("No DAG fits these filters").wait_for()


def test_a_question_is_answered_from_home_in_two_taps(visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 360, "height": 800})
    visitor.open("/")
    asked = page.get_by_role("listitem").filter(has_text="Ship model 4.2")
    asked.get_by_role("button", name="Answer").click()
    dialog = page.get_by_role("dialog", name="Ship model 4.2 to production?")
    dialog.get_by_role("button", name="Approve").wait_for()
    assert dialog.locator("li").all_inner_texts() == ["812 tests", "error down by 3.1 %"]
    with page.expect_response(lambda r: r.request.method == "PATCH") as answered:
        dialog.get_by_role("button", name="Reject").click()
    assert answered.value.status == 200
    dialog.wait_for(state="detached")
    with visitor.site.db.read() as conn:
        payload = conn.exec_driver_sql(
            "SELECT payload FROM inbox WHERE kind = 'answered' ORDER BY seq DESC LIMIT 1"
        ).scalar_one()
    assert json.loads(payload)["chosen_options"] == ["Reject"]


def test_a_question_with_a_form_is_answered_on_its_tasks_page(visitor: Visitor) -> None:
    page = visitor.open("/questions")
    page.get_by_role("region", name="What shall the announcement").get_by_role("link").first.click()
    asked = page.get_by_role("region", name="What it asks")
    asked.get_by_label("percent").fill("101")
    asked.get_by_role("button", name="OK").click()
    # The browser says what is wrong with the number; nothing was sent.
    assert asked.get_by_label("percent").evaluate("e => !e.validity.valid")
    asked.get_by_label("percent").fill("25")
    with page.expect_response(lambda r: r.request.method == "PATCH") as answered:
        asked.get_by_role("button", name="OK").click()
    assert answered.value.json()["params_input"] == {"title": "Model 4.2", "percent": 25}


def violations(page: Page) -> list[str]:
    """Return what shuts people out of a page, as axe-core finds it."""
    if page.evaluate("typeof window.axe") == "undefined":
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:160]} {v['nodes'][0].get('failureSummary', '')[:200]}"
        for v in found["violations"]
    ]
