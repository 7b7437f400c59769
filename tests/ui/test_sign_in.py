"""The sign-in page: with a password, and with an identity provider and back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests import identity_provider
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.ui.serving import running
from tests.ui.test_pages import violations
from tradewind.actions import accounts
from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.store.connect import open_database
from tradewind.store.migrate import migrate
from tradewind.store.signal import Signal
from tradewind.web.app import make_app


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider.running(lambda: datetime.now(UTC)) as found:
        yield found


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider
) -> Iterator[tuple[str, str]]:
    """Give the address of a server that trusts nobody, and the administrator's password."""
    home: Path = tmp_path_factory.mktemp("sign-in-home")
    listener = socket.create_server(("127.0.0.1", 0))
    config = load_config(
        {
            "TRADEWIND_HOME": str(home),
            "TRADEWIND__API__BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "TRADEWIND__OIDC__ISSUER": provider.issuer,
            "TRADEWIND__OIDC__CLIENT_ID": CLIENT_ID,
            "TRADEWIND__OIDC__CLIENT_SECRET": CLIENT_SECRET,
            "TRADEWIND__OIDC__ROLES": "data-admins=op",
            "TRADEWIND__OIDC__LABEL": "Sign in with Example ID",
        }
    )
    db = open_database(config.database.sql_alchemy_conn)
    migrate(db, 128)
    password = accounts.first_admin(db, SystemClock())
    assert password is not None
    with running(make_app(config, db, Signal(db), SystemClock()), listener) as url:
        yield url, password
    db.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_person_comes_back_from_the_provider_to_where_they_were(
    page: Page, server: tuple[str, str]
) -> None:
    url, _ = server
    page.goto(f"{url}/pools")
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_label("Signed in as ada").wait_for()
    assert page.url == f"{url}/pools"
    page.get_by_label("Signed in as ada").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in with Example ID").wait_for()


def test_who_is_refused_is_told_so(
    page: Page, server: tuple[str, str], provider: IdentityProvider
) -> None:
    url, _ = server
    provider.person["groups"] = []
    page.goto(f"{url}/")
    page.get_by_role("link", name="Sign in with Example ID").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="Sign in with Example ID").click()
    assert "You have no access here" in page.get_by_role("alert").inner_text()
    provider.person["groups"] = identity_provider.ADA["groups"]
    page.get_by_role("link", name="Sign in with Example ID").click()
    page.get_by_label("Signed in as ada").wait_for()


def test_the_password_opens_too_and_a_wrong_one_does_not(
    page: Page, server: tuple[str, str]
) -> None:
    url, password = server
    page.goto(f"{url}/dags?paused=true")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert page.get_by_role("alert").inner_text() == "Invalid credentials"
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Signed in as admin").wait_for()
    assert page.url == f"{url}/dags?paused=true"
