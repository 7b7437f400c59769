"""Signing in with an identity provider, from the first click to the session."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, rsa_key, running
from tests.unit.web.world import Answer, Client, World
from tradewind.actions import accounts
from tradewind.errors import ConfigError, Unavailable
from tradewind.model.account import Role
from tradewind.store import audit
from tradewind.store.connect import Database
from tradewind.web.oidc.fetching import fetch_json, is_allowed

BASE = "http://tradewind.test"


class Held:
    """A clock's holder: the provider is made before the world whose clock it goes by."""

    world: World

    def now(self) -> datetime:
        return self.world.clock.now()


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def provider(held: Held) -> Iterator[IdentityProvider]:
    with running(held.now) as found:
        yield found


def world_of(lite: Database, home: Path, provider: IdentityProvider, **settings: str) -> World:
    return World(
        lite,
        home,
        **{
            "api__base_url": BASE,
            "oidc__issuer": provider.issuer,
            "oidc__client_id": CLIENT_ID,
            "oidc__client_secret": CLIENT_SECRET,
            "oidc__roles": "data-admins=admin,data-users=user,readers=viewer",
            **settings,
        },
    )


@pytest.fixture
def world(lite: Database, tmp_path: Path, held: Held, provider: IdentityProvider) -> World:
    held.world = world_of(lite, tmp_path / "home", provider)
    return held.world


class Journey:
    """A browser on its way to the provider and back."""

    def __init__(self, world: World, target: str = "/auth/oidc/login?next=/dags/etl") -> None:
        self.world = world
        there = world.anybody().get(target)
        assert there.status == 302, there.text
        self.address = there.headers["location"]
        self.cookie = there.headers["set-cookie"]
        self.asked = {k: v[0] for k, v in parse_qs(urlsplit(self.address).query).items()}

    def back(self) -> str:
        """Sign in at the provider; return where it leads back to."""
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", f"{parts.path}?{parts.query}")
        location = connection.getresponse().headers["location"]
        connection.close()
        assert location.startswith(f"{BASE}/auth/oidc/callback?")
        return location.removeprefix(BASE)

    def arrive(self, target: str, cookie: str | None = None) -> Answer:
        sent = self.cookie.partition(";")[0] if cookie is None else cookie
        return Client(self.world.app, {"cookie": sent}).get(target)

    def end(self) -> Answer:
        return self.arrive(self.back())


def session_of(world: World, answer: Answer) -> Client:
    """Return the browser that was let in."""
    (session,) = [cookie for cookie in answer.cookies if cookie.startswith("tradewind=")]
    # What the sign-in began with is of no more use.
    assert any(c.startswith("tradewind-oidc=") and "Max-Age=0" in c for c in answer.cookies)
    return Client(world.app, {"cookie": session.partition(";")[0]})


def failed(answer: Answer, word: str) -> None:
    assert (answer.status, answer.headers["location"]) == (302, f"/login?failed={word}")
    assert not any(cookie.startswith("tradewind=") for cookie in answer.cookies)


def test_a_person_signs_in_and_has_an_account(world: World, provider: IdentityProvider) -> None:
    assert world.anybody().get("/auth/methods").json["oidc"] == "Single sign-on"
    journey = Journey(world)
    assert journey.asked["scope"] == "openid profile email"
    assert len(journey.asked["state"]) >= 32
    assert journey.asked["nonce"] not in journey.asked["state"]
    for word in ("HttpOnly", "SameSite=lax", "Max-Age=600"):
        assert word in journey.cookie
    answer = journey.end()
    assert (answer.status, answer.headers["location"]) == (302, "/dags/etl")
    me = session_of(world, answer).get("/auth/me").json
    assert (me["username"], me["role"], me["email"]) == ("ada", "admin", "ada@example.org")
    made = [e for e in audit.entries(world.db)[0] if e.action == "create_user"]
    assert [(e.actor, e.details["username"]) for e in made] == [("identity provider", "ada")]
    # An account without a password: it opens with none.
    login = {"username": "ada", "password": ""}
    assert world.anybody().post("/auth/token", login).status == 401


def test_groups_hold_at_each_sign_in(world: World, provider: IdentityProvider) -> None:
    accounts.first_admin(world.db, world.clock)
    first = session_of(world, Journey(world).end())
    provider.person["groups"] = ["readers", "data-users"]
    second = session_of(world, Journey(world).end())
    assert second.get("/auth/me").json["role"] == "user"
    # What was handed out under the old role opens nothing more.
    assert first.get("/auth/me").status == 401
    provider.person["groups"] = ["everybody"]
    failed(Journey(world).end(), "refused")


def test_a_person_is_known_by_subject_not_by_name(world: World, provider: IdentityProvider) -> None:
    Journey(world).end()
    provider.person["preferred_username"] = "countess"
    assert session_of(world, Journey(world).end()).get("/auth/me").json["username"] == "ada"
    # The name goes to somebody else, who must not get the account.
    provider.person |= {"sub": "somebody else", "preferred_username": "ada"}
    failed(Journey(world).end(), "refused")


def test_accounts_made_by_hand_are_not_taken_over(world: World, provider: IdentityProvider) -> None:
    world.person("ada", Role.ADMIN)
    failed(Journey(world).end(), "refused")


def test_a_closed_account_stays_closed(world: World, provider: IdentityProvider) -> None:
    accounts.first_admin(world.db, world.clock)
    Journey(world).end()
    accounts.change(world.db, world.clock, "ada", actor="admin", active=False)
    failed(Journey(world).end(), "refused")
    accounts.delete(world.db, world.clock, "ada", actor="admin")
    assert session_of(world, Journey(world).end()).get("/auth/me").status == 200


def test_without_a_table_of_roles_administrators_decide(
    lite: Database, tmp_path: Path, held: Held, provider: IdentityProvider
) -> None:
    settings = {"oidc__roles": "", "oidc__default_role": "viewer"}
    world = held.world = world_of(lite, tmp_path / "home", provider, **settings)
    assert session_of(world, Journey(world).end()).get("/auth/me").json["role"] == "viewer"
    accounts.change(world.db, world.clock, "ada", actor="admin", role=Role.OP)
    assert session_of(world, Journey(world).end()).get("/auth/me").json["role"] == "op"


def test_claims_inside_of_claims_are_found(
    lite: Database, tmp_path: Path, held: Held, provider: IdentityProvider
) -> None:
    settings = {"oidc__roles_claim": "realm_access.roles", "oidc__username_claim": "email"}
    world = held.world = world_of(lite, tmp_path / "home", provider, **settings)
    provider.person["realm_access"] = {"roles": ["readers"]}
    me = session_of(world, Journey(world).end()).get("/auth/me").json
    assert (me["username"], me["role"]) == ("ada@example.org", "viewer")


# ---- what must not open anything ------------------------------------------------------------


def test_an_answer_to_another_browser_is_none(world: World, provider: IdentityProvider) -> None:
    mine, theirs = Journey(world), Journey(world)
    failed(mine.arrive(theirs.back()), "ended")
    failed(mine.arrive(mine.back(), cookie="tradewind=x"), "ended")
    failed(mine.arrive(mine.back(), cookie="tradewind-oidc=a.b.c"), "ended")
    back = mine.back()
    failed(mine.arrive(re.sub(r"state=[^&]+", "state=", back)), "ended")
    # A session's token is not one of a sign-in.
    token = world.person("vi", Role.VIEWER).headers["authorization"].removeprefix("Bearer ")
    failed(mine.arrive(back, cookie=f"tradewind-oidc={token}"), "ended")


def test_a_code_counts_once(world: World, provider: IdentityProvider) -> None:
    journey = Journey(world)
    back = journey.back()
    assert journey.arrive(back).headers["location"] == "/dags/etl"
    failed(journey.arrive(back), "unavailable")


def test_a_sign_in_that_takes_too_long_has_ended(world: World, provider: IdentityProvider) -> None:
    journey = Journey(world)
    back = journey.back()
    world.clock.at += timedelta(seconds=601)
    failed(journey.arrive(back), "ended")


def test_an_answer_of_another_issuer_is_not_believed(
    world: World, provider: IdentityProvider
) -> None:
    journey = Journey(world)
    back = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", journey.back())
    failed(journey.arrive(back), "not_believed")


def test_bad_tokens_are_refused_and_the_log_says_why(
    world: World, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    key = provider.keys[0]
    wrong: list[tuple[Any, str]] = [
        (lambda c: key.sign(c | {"iss": "https://evil.example"}), "iss"),
        (lambda c: key.sign(c | {"aud": "another"}), "aud"),
        (lambda c: key.sign(c | {"nonce": "another"}), "nonce"),
        (lambda c: key.sign(c | {"exp": c["iat"] - 3600}), "expired"),
        (lambda c: rsa_key("k1", "other").sign(c), "signature"),
        (lambda c: rsa_key("k7", "other").sign(c), "kid"),
    ]
    for make, why in wrong:
        provider.make_token = make
        caplog.clear()
        failed(Journey(world).end(), "not_believed")
        assert why in caplog.text
    assert audit.entries(world.db)[0] == []


def test_a_new_key_of_the_provider_is_fetched_but_not_at_every_guess(
    world: World, provider: IdentityProvider
) -> None:
    Journey(world).end()
    world.clock.at += timedelta(seconds=61)
    provider.keys = [rsa_key("k2", "other")]
    assert Journey(world).end().headers["location"] == "/dags/etl"
    assert provider.asked.count("/keys") == 2
    provider.make_token = lambda claims: rsa_key("k3").sign(claims)
    for _ in range(5):
        failed(Journey(world).end(), "not_believed")
    assert provider.asked.count("/keys") == 2


def test_a_person_who_says_no_is_told_so(world: World, provider: IdentityProvider) -> None:
    provider.refusal = "access_denied"
    failed(Journey(world).end(), "refused")


def test_next_leads_nowhere_else(world: World, provider: IdentityProvider) -> None:
    for target in ("//evil.example", "https://evil.example", "/%5Cevil.example"):
        journey = Journey(world, f"/auth/oidc/login?next={target}")
        assert journey.end().headers["location"] == "/"


# ---- the provider itself --------------------------------------------------------------------


def test_a_provider_that_says_it_is_another_is_not_used(
    world: World, provider: IdentityProvider
) -> None:
    provider.issuer = "https://evil.example"
    answer = world.anybody().get("/auth/oidc/login")
    assert answer.headers["location"] == "/login?failed=unavailable"


def test_its_endpoints_are_https(world: World, provider: IdentityProvider) -> None:
    for name in ("authorization_endpoint", "jwks_uri"):
        provider.discovery = {name: "http://id.example/x"}
        answer = world.anybody().get("/auth/oidc/login")
        if "failed" not in answer.headers["location"]:
            answer = Journey(world).end()
        assert answer.headers["location"] == "/login?failed=unavailable"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://id.example/x", True),
        ("https://user@id.example/x", False),
        ("http://127.0.0.1:8080/x", True),
        ("http://id.example/x", False),
        ("file:///etc/passwd", False),
        ("gopher://id.example/", False),
        ("https://", False),
    ],
)
def test_only_these_addresses_are_asked(url: str, allowed: bool) -> None:
    assert is_allowed(url) is allowed


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0"])
def test_addresses_of_the_link_are_not_asked(host: str) -> None:
    with pytest.raises(Unavailable, match="no provider's address"):
        fetch_json(f"https://{host}/latest/meta-data")


def test_redirects_are_not_followed(provider: IdentityProvider, world: World) -> None:
    query = (
        f"response_type=code&client_id={CLIENT_ID}&scope=openid&code_challenge_method=S256"
        "&state=s&redirect_uri=http://evil.example"
    )
    with pytest.raises(Unavailable, match="302"):
        fetch_json(f"{provider.url}/authorize?{query}")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"oidc__client_id": ""}, "client_id"),
        ({"api__base_url": ""}, "base_url"),
        ({"oidc__roles": "data-admins"}, "value=role"),
        ({"oidc__roles": "data-admins=king"}, "value=role"),
        ({"oidc__issuer": "http://id.example"}, "https"),
    ],
)
def test_a_wrong_setting_is_named(
    lite: Database, tmp_path: Path, provider: IdentityProvider, settings: dict[str, str], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        world_of(lite, tmp_path / "home", provider, **settings)


def test_without_a_provider_there_is_nothing_to_sign_in_with(
    lite: Database, tmp_path: Path
) -> None:
    world = World(lite, tmp_path / "home")
    assert world.anybody().get("/auth/methods").json == {"password": True, "oidc": None}
    assert world.anybody().get("/auth/oidc/login").status == 404
    assert world.anybody().get("/auth/oidc/callback?code=x&state=y").status == 404
