"""S5, S6, S8, S15 as attacks: sessions, other sites, redirects, guessing."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.actions.catalog import NOW
from tests.unit.web.world import PASSWORD, Client, World
from tradewind.actions import accounts
from tradewind.errors import UserError
from tradewind.model.account import Role
from tradewind.store import audit
from tradewind.store.connect import Database
from tradewind.web.auth.origin import safe_path
from tradewind.web.auth.signing import ISSUER
from tradewind.web.auth.tokens import AUDIENCE

LOGIN = {"username": "vera", "password": PASSWORD}


@pytest.fixture
def vera(world: World, admin: Client) -> Client:
    return world.person("vera", Role.USER)


def status(client: Client) -> int:
    return client.get("/auth/me").status


# ---- sessions (S5) ----------------------------------------------------------------------


def test_a_token_and_a_cookie_tell_who_calls(world: World, vera: Client) -> None:
    by_token = vera.get("/auth/me").json
    assert (by_token["username"], by_token["role"], by_token["signed_in_by"]) == (
        "vera",
        "user",
        "token",
    )
    assert by_token["csrf_token"] is None
    by_cookie = world.browser("vera").get("/auth/me").json
    assert by_cookie["signed_in_by"] == "browser"
    assert by_cookie["csrf_token"]


def test_signing_in_makes_a_new_session_whatever_cookie_there_was(
    world: World, vera: Client
) -> None:
    planted = Client(world.app, {"cookie": "tradewind=planted"})
    answer = planted.post("/auth/login", LOGIN)
    assert "planted" not in answer.headers["set-cookie"]
    assert status(planted) == 401
    again = planted.post("/auth/login", LOGIN)
    assert again.headers["set-cookie"] != answer.headers["set-cookie"]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    lite: Database, tmp_path: Path, vera: Client
) -> None:
    secure = World(lite, tmp_path / "home", api__base_url="https://tradewind.example")
    cookie = secure.anybody().post("/auth/login", LOGIN).headers["set-cookie"].lower()
    assert cookie.startswith("__host-tradewind=")
    for part in ("httponly", "secure", "samesite=lax", "path=/"):
        assert part in cookie
    assert "domain" not in cookie


def test_what_ends_sessions(world: World, admin: Client, vera: Client) -> None:
    def change_role() -> None:
        accounts.change(world.db, world.clock, "vera", actor="a", role=Role.OP)

    def change_dags() -> None:
        accounts.allow(world.db, world.clock, "vera", {"etl": True}, actor="a")

    def change_password() -> None:
        accounts.set_password(world.db, world.clock, "vera", PASSWORD, actor="a")

    def deactivate() -> None:
        accounts.change(world.db, world.clock, "vera", actor="a", active=False)

    for event in (change_role, change_dags, change_password, deactivate):
        browser, token = world.browser("vera"), world.token("vera")
        assert (status(browser), status(token)) == (200, 200)
        event()
        assert (status(browser), status(token)) == (401, 401), event.__name__
    accounts.change(world.db, world.clock, "vera", actor="a", active=True)
    token = world.token("vera")
    accounts.delete(world.db, world.clock, "vera", actor="a")
    assert status(token) == 401


def test_signing_out_ends_this_session_only(world: World, vera: Client) -> None:
    one, other = world.browser("vera"), world.browser("vera")
    assert one.post("/auth/logout").status == 204
    assert (status(one), status(other), status(vera)) == (401, 200, 200)
    assert other.delete("/auth/sessions").status == 204
    assert (status(other), status(vera)) == (401, 401)


def test_sessions_end_by_themselves(world: World, vera: Client) -> None:
    browser = world.browser("vera")
    for _ in range(10):
        world.clock.at += timedelta(hours=20)
        if status(browser) == 401:
            break
    else:
        pytest.fail("a session in use lasts longer than its lifetime")
    assert world.clock.at - NOW > timedelta(days=7)
    idle = world.browser("vera")
    world.clock.at += timedelta(hours=25)
    assert (status(idle), status(vera)) == (401, 401)


def test_ones_own_password_is_changed_with_the_old_one(world: World, vera: Client) -> None:
    new = "a new password"
    wrong = vera.post("/auth/password", {"old_password": "no", "new_password": new})
    # Who calls stays signed in: 401 would say that they are not.
    assert (wrong.status, wrong.detail[0]["loc"]) == (422, ["body", "old_password"])
    assert status(vera) == 200
    short = vera.post("/auth/password", {"old_password": PASSWORD, "new_password": "short"})
    assert (short.status, "8 to 256" in short.detail) == (400, True)
    assert (
        vera.post("/auth/password", {"old_password": PASSWORD, "new_password": new}).status == 204
    )
    assert status(vera) == 401
    assert world.anybody().post("/auth/token", LOGIN).status == 401


# ---- tokens (S4, as far as the API's own go) ----------------------------------------------


def test_tokens_of_others_open_nothing(world: World, vera: Client) -> None:
    good = vera.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    public = world.config.api_auth.signing_key_file.read_bytes()

    def forged(key: Any, algorithm: str, **changed: Any) -> str:
        return jwt.encode(claims | changed, key, algorithm=algorithm)

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    ours = _key(world)
    attacks = {
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}.",
        "another key": forged(Ed25519PrivateKey.generate(), "EdDSA"),
        "HS256 with a key of ours": forged(b"x" * 64, "HS256"),
        "another audience": forged(ours, "EdDSA", aud="urn:tradewind:execution"),
        "another issuer": forged(ours, "EdDSA", iss="evil"),
        "expired": forged(ours, "EdDSA", exp=1),
        "without an end": forged(ours, "EdDSA", exp="never"),
        "from the future": forged(ours, "EdDSA", nbf=2**33),
        "an unknown session": forged(ours, "EdDSA", jti="0" * 32),
        "huge": "a" * 100_000,
        "no token": "",
        "not text": "a.b.c",
    }
    assert public.startswith(b"-----BEGIN")
    assert (claims["aud"], claims["iss"], claims["sub"]) == (AUDIENCE, ISSUER, "vera")
    for name, token in attacks.items():
        thief = Client(world.app, {"authorization": f"Bearer {token}"})
        assert status(thief) == 401, name
    assert status(Client(world.app, {"authorization": f"Bearer {good}"})) == 200


def test_a_tokens_claims_do_not_decide_what_its_owner_may_do(world: World, vera: Client) -> None:
    good = vera.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(good, options={"verify_signature": False})
    raised = jwt.encode(claims | {"role": "admin", "sub": "ada"}, _key(world), algorithm="EdDSA")
    answer = Client(world.app, {"authorization": f"Bearer {raised}"}).get("/auth/me")
    assert (answer.json["username"], answer.json["role"]) == ("vera", "user")


def test_a_cookies_secret_is_no_token_and_the_other_way_round(world: World, vera: Client) -> None:
    claims = jwt.decode(
        vera.headers["authorization"].removeprefix("Bearer "), options={"verify_signature": False}
    )
    assert status(Client(world.app, {"cookie": f"tradewind={claims['jti']}"})) == 401


def _key(world: World) -> Any:
    pem = world.config.api_auth.signing_key_file.read_bytes()
    return serialization.load_pem_private_key(pem, None)


# ---- other sites (S6) ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.test", "sec-fetch-site": "same-origin"},
        {"origin": "null"},
        {"origin": "http://tradewind.test.evil.test"},
    ],
)
def test_another_site_changes_nothing(world: World, vera: Client, change: dict[str, str]) -> None:
    browser = world.browser("vera")
    assert browser.post("/auth/logout", None, **change).status == 403
    assert status(browser) == 200
    assert browser.post("/auth/logout").status == 204


def test_another_site_cannot_sign_somebody_in(world: World, vera: Client) -> None:
    answer = world.anybody().post("/auth/login", LOGIN, **{"sec-fetch-site": "cross-site"})
    assert answer.status == 403


def test_a_method_in_a_header_is_not_looked_at(world: World, vera: Client) -> None:
    browser = world.browser("vera")
    override = {"x-http-method-override": "DELETE"}
    assert browser.send("GET", "/auth/sessions", None, override).status == 200
    assert status(browser) == 200


# ---- this machine ---------------------------------------------------------------------------


def local(world: World, **headers: str) -> Client:
    return Client(world.app, {"host": "localhost:8080", **headers}, "127.0.0.1")


def test_this_machine_is_trusted_only_when_told_so(world: World, tmp_path: Path) -> None:
    assert status(local(world)) == 401
    trusting = World(world.db, tmp_path / "home", api__trust_loopback="true")
    assert local(trusting).get("/auth/me").json["role"] == "admin"
    assert status(trusting.anybody()) == 401
    for headers in (
        {"host": "evil.test"},
        {"x-forwarded-for": "10.0.0.1"},
        {"forwarded": "for=10.0.0.1"},
        {"authorization": "Bearer nonsense"},
    ):
        assert status(local(trusting, **headers)) == 401, headers
    for headers in (
        {"origin": "http://evil.test"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
    ):
        answer = local(trusting, **headers).post("/auth/logout")
        assert answer.status == 403, headers
    assert local(trusting).post("/auth/logout").status == 204


# ---- redirects (S8) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "//evil",
        "/\\evil",
        "\\\\evil",
        "https:evil",
        "https://evil",
        "%2f%2fevil",
        "/%2fevil",
        "/%252fevil",
        "/%09/evil",
        "/\t/evil",
        "/%5cevil",
        "javascript:alert(1)",
        "http://user@evil",
        "/\u2024\u2024/evil",
        "evil",
        "/a//evil",
        "",
        None,
    ],
)
def test_a_redirect_leads_nowhere_else(text: str | None) -> None:
    assert safe_path(text) == "/"


def test_a_redirect_leads_to_a_path_of_ours(world: World) -> None:
    assert safe_path("/dags/etl?tab=grid") == "/dags/etl?tab=grid"
    answer = world.anybody().get("/api/v2/auth/login?next=/dags/etl")
    assert (answer.status, answer.headers["location"]) == (307, "/login?next=/dags/etl")
    answer = world.anybody().get("/api/v2/auth/login?next=https://evil")
    assert answer.headers["location"] == "/login?next=/"


# ---- guessing (S15) -------------------------------------------------------------------------


def test_a_thousand_guesses_are_twenty(world: World, vera: Client) -> None:
    answers = [
        world.anybody(f"10.0.0.{i % 50}").post(
            "/auth/token", {"username": "vera", "password": f"guess {i}"}
        )
        for i in range(200)
    ]
    assert sum(a.status == 401 for a in answers) == 20
    refused = [a for a in answers if a.status == 429]
    assert len(refused) == 180
    assert 0 < int(refused[-1].headers["retry-after"]) <= 600
    assert world.anybody().post("/auth/token", LOGIN).status == 429
    assert status(vera) == 200
    world.clock.at += timedelta(seconds=601)
    assert world.anybody().post("/auth/token", LOGIN).status == 201


def test_an_address_gets_no_more_guesses_by_changing_the_name(world: World) -> None:
    answers = [
        world.anybody("10.9.9.9").post("/auth/token", {"username": f"u{i}", "password": "x"})
        for i in range(25)
    ]
    assert sum(a.status == 401 for a in answers) == 20


def test_an_unknown_name_is_refused_in_the_same_words(world: World, vera: Client) -> None:
    known = world.anybody().post("/auth/token", {"username": "vera", "password": "x"})
    unknown = world.anybody().post("/auth/token", {"username": "nobody", "password": "x"})
    assert known.status == unknown.status == 401
    assert known.text == unknown.text


# ---- accounts -------------------------------------------------------------------------------


def test_the_last_administrator_stays(world: World, admin: Client) -> None:
    with pytest.raises(UserError, match="last administrator"):
        accounts.delete(world.db, world.clock, "ada", actor="a")
    with pytest.raises(UserError, match="last administrator"):
        accounts.change(world.db, world.clock, "ada", actor="a", role=Role.USER)


def test_the_first_administrator_is_made_once(world: World) -> None:
    password = accounts.first_admin(world.db, world.clock)
    assert password is not None
    assert accounts.first_admin(world.db, world.clock) is None
    body = {"username": "admin", "password": password}
    assert world.anybody().post("/auth/token", body).status == 201


def test_changes_of_accounts_are_in_the_audit_log(world: World, vera: Client) -> None:
    accounts.change(world.db, world.clock, "vera", actor="ada", role=Role.OP)
    accounts.set_password(world.db, world.clock, "vera", "another password", actor="ada")
    found, _ = audit.entries(world.db, actor="ada")
    assert [e.action for e in found][:2] == ["set_password", "change_user"]
    assert found[1].details["before"]["role"] == "user"
    assert found[1].details["after"]["role"] == "op"
    assert "another password" not in str([e.details for e in found])
