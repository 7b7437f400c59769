"""Accounts in the browser: an administrator keeps them, and everybody their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.ui.conftest import Visitor
from tests.ui.serving import LARGE, Site
from tradewind.actions import accounts
from tradewind.clock import SystemClock
from tradewind.model.account import Account, Role

PASSWORD = "correct horse battery"


@pytest.fixture
def uma(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Return a browser in which an op is signed in."""
    account = Account(username="uma", role=Role.OP)
    accounts.create(site.db, SystemClock(), account, PASSWORD, actor="test")
    context = browser.new_context()
    login = {"username": "uma", "password": PASSWORD}
    assert context.request.post(f"{site.url}/auth/login", data=login).ok
    yield Visitor(context, site)
    context.close()
    accounts.delete(site.db, SystemClock(), "uma", actor="test")


def test_an_administrator_makes_changes_and_deletes_an_account(visitor: Visitor) -> None:
    page = visitor.open("/users")
    page.get_by_role("button", name="Add a user").click()
    form = page.get_by_role("dialog", name="Add a user")
    form.get_by_label("User name").fill("bo")
    form.get_by_label("Role").select_option("user")
    form.get_by_label("All DAGs, also those to come").uncheck()
    form.get_by_label("A DAG to put on the list").fill(LARGE)
    page.keyboard.press("Enter")
    form.get_by_role("button", name="Make one").click()
    password = form.get_by_label("Password").input_value()
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("row").filter(has_text="bo")
    assert LARGE in row.inner_text()

    login = {"username": "bo", "password": password}
    assert visitor.context.request.post(f"{visitor.site.url}/auth/token", data=login).ok
    visitor.open("/users")
    page.get_by_role("button", name="Change bo").click()
    form = page.get_by_role("dialog", name="Change bo")
    form.get_by_text("Sessions and tokens").click()
    form.get_by_role("listitem").filter(has_text="Token").wait_for()
    form.get_by_label("may change it").uncheck()
    form.get_by_role("button", name="Save").click()
    page.get_by_text(f"{LARGE} (to read)").wait_for()

    page.get_by_role("button", name="Delete bo").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("bo is deleted").wait_for()
    page.get_by_role("button", name="Change bo").wait_for(state="detached")
    assert visitor.complaints == []


def test_what_is_refused_is_said_in_the_form(visitor: Visitor, uma: Visitor) -> None:
    page = visitor.open("/users")
    page.get_by_role("button", name="Add a user").click()
    form = page.get_by_role("dialog", name="Add a user")
    form.get_by_label("User name").fill("uma")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Save").click()
    assert "there is a user 'uma' already" in form.get_by_role("alert").inner_text()


def test_a_token_is_made_shown_once_and_ended(uma: Visitor) -> None:
    page = uma.open("/account")
    page.get_by_role("button", name="Make a token").click()
    form = page.get_by_role("dialog", name="Make a token")
    form.get_by_role("button", name="Save").click()
    token = form.get_by_label("Token", exact=True).inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="End the token session").wait_for()
    assert page.get_by_text(token).count() == 0

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return uma.context.request.get(f"{uma.site.url}/auth/me", headers=headers).status

    assert status() == 200
    page.get_by_role("button", name="End the token session").click()
    page.get_by_role("button", name="End the token session").wait_for(state="detached")
    assert status() == 401


def test_a_changed_password_ends_the_session_and_opens_the_next(uma: Visitor) -> None:
    page = uma.open("/account")
    page.get_by_role("button", name="Change the password").click()
    form = page.get_by_role("dialog", name="Change the password")
    form.get_by_label("Present password").fill("wrong horse")
    form.get_by_label("Password", exact=True).fill("a new and longer one")
    form.get_by_role("button", name="Save").click()
    form.get_by_role("alert").wait_for()
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Tradewind").wait_for()
    page.get_by_label("User name").fill("uma")
    page.get_by_label("Password").fill("a new and longer one")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Signed in as uma").wait_for()
