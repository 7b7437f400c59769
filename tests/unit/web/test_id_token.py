"""Every ID token that is not to be believed is refused, and why is said."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.identity_provider import CLIENT_ID, IdentityProvider, ec_key, rsa_key
from tradewind.web.oidc.id_token import Expected, NotBelieved, UnknownKey, claims_of

NOW = datetime(2026, 3, 18, 9, 0, tzinfo=UTC)
NONCE = "n-0S6_WzA2Mj"
KEY = rsa_key()
KEYS = [KEY.public, ec_key().public]


def right(**changed: Any) -> dict[str, Any]:
    provider = IdentityProvider(lambda: NOW)
    provider.issuer = "https://id.example"
    claims = provider.claims(**{"nonce": NONCE, **changed})
    return {name: value for name, value in claims.items() if value is not None}


EXPECTED = Expected(issuer="https://id.example", client_id=CLIENT_ID, nonce=NONCE)


def read(token: str, keys: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return claims_of(token, KEYS if keys is None else keys, EXPECTED, NOW)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def at(offset_s: float) -> float:
    return (NOW + timedelta(seconds=offset_s)).timestamp()


def test_a_right_token_is_believed() -> None:
    assert read(KEY.sign(right()))["preferred_username"] == "ada"
    assert read(ec_key().sign(right()))["sub"] == "248289761001"
    assert read(KEY.sign(right(aud=[CLIENT_ID, "other"], azp=CLIENT_ID)))["azp"] == CLIENT_ID
    # Clocks differ a little.
    assert read(KEY.sign(right(exp=at(-30), iat=at(50))))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"iss": "https://id.example/"}, "iss"),
        ({"iss": None}, "lacks 'iss'"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": {CLIENT_ID: 1}}, "aud"),
        ({"aud": [CLIENT_ID, "other"]}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"nonce": "another sign-in's"}, "nonce"),
        ({"nonce": None}, "lacks 'nonce'"),
        ({"nonce": 7}, "nonce"),
        ({"exp": at(-61)}, "expired"),
        ({"exp": None}, "lacks 'exp'"),
        ({"exp": "never"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": at(61)}, "future"),
        ({"nbf": at(61)}, "future"),
        ({"sub": ""}, "sub"),
        ({"sub": None}, "lacks 'sub'"),
    ],
)
def test_a_wrong_claim_is_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(NotBelieved, match=why):
        read(KEY.sign(right(**changed)))


def unsigned() -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'k1'})}.{part(right())}."


def hmac_with_the_public_key() -> str:
    public = KEY.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{part(right())}"
    digest = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def other_content() -> str:
    header, _, signature = KEY.sign(right()).split(".")
    return f"{header}.{part(right(preferred_username='eve'))}.{signature}"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (unsigned, r"does not sign with 'none' \(alg\)"),
        (hmac_with_the_public_key, r"does not sign with 'HS256' \(alg\)"),
        (other_content, "signature"),
        (lambda: rsa_key("k1", "other").sign(right()), "signature"),
        (lambda: ec_key("k1").sign(right()), r"\(alg\)"),
        (lambda: KEY.sign(right(), kid="k9"), "no key 'k9'"),
        (lambda: KEY.sign(right(), crit=["exp"]), "crit"),
        (lambda: KEY.sign(right(), kid="../../k1"), "no key"),
        (lambda: "a.b", "no signed JWT"),
        (lambda: "", "no signed JWT"),
        (lambda: "x" * 70_000, "longer"),
    ],
)
def test_a_token_that_is_not_the_providers_is_refused(make: Callable[[], str], why: str) -> None:
    with pytest.raises(NotBelieved, match=why):
        read(make())


def test_a_key_in_the_token_itself_is_not_used() -> None:
    forger = rsa_key("k1", "other")
    with pytest.raises(NotBelieved):
        read(forger.sign(right(), jwk=forger.public, jku="https://evil.example/keys"))


def test_keys_for_encryption_do_not_sign() -> None:
    with pytest.raises(UnknownKey):
        read(KEY.sign(right()), [KEY.public | {"use": "enc"}])


def test_without_a_key_id_the_only_key_of_its_kind_is_meant() -> None:
    token = jwt.encode(right(), KEY.private, algorithm="RS256")
    assert read(token)
    with pytest.raises(NotBelieved, match="which of the provider's keys"):
        read(token, [KEY.public, rsa_key("k2", "other").public])
