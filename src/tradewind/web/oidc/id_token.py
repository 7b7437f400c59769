"""Whether an ID token is to be believed: OpenID Connect Core 1.0, section 3.1.3.7.

A token counts when the provider's key signed it, for us, now, in answer to this sign-in. The
algorithm is one that the key itself is for: never `none`, and no HMAC, for which a public key
would be the secret. Keys are given; nothing is fetched here, and the token is never asked
where its key is (`jku`, `x5u`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tradewind.errors import TradewindError

LEEWAY_S = 60
"""The provider's clock may differ from ours by so much."""
_LONGEST = 64 * 1024
_ALGORITHMS: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""By type and curve of a key: what it may sign with."""

Jwk = Mapping[str, Any]


class NotBelieved(TradewindError):
    """The identity provider's answer cannot be trusted."""


class UnknownKey(NotBelieved):
    """The provider's keys have none with which the token was signed; it may be a new one."""


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must say. nonce: of the sign-in that it answers."""

    issuer: str
    client_id: str
    nonce: str


def claims_of(token: str, keys: Sequence[Jwk], expected: Expected, now: datetime) -> dict[str, Any]:
    """Return what a token claims.

    Args:
        token: the ID token, a signed JWT.
        keys: the provider's keys, as it publishes them (JWK).
        expected: what it must say.
        now: the time, aware.

    Raises:
        UnknownKey: it names a key that is not among these.
        NotBelieved: it is not to be believed; the message says why.
    """
    # Not at the top: a server without a provider need not hold it in memory.
    import jwt  # noqa: PLC0415

    if len(token) > _LONGEST:
        raise NotBelieved(f"the ID token is longer than {_LONGEST} bytes")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise NotBelieved(f"the ID token is no signed JWT: {error}") from error
    if "crit" in header:
        raise NotBelieved("the ID token wants something of its reader that is not known (crit)")
    algorithm = str(header.get("alg"))
    key = _key(keys, header.get("kid"), algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            options={
                "require": ["iss", "sub", "aud", "exp", "iat", "nonce"],
                "verify_aud": False,
                "verify_iss": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.MissingRequiredClaimError as error:
        raise NotBelieved(f"the ID token lacks {error.claim!r}") from error
    except jwt.PyJWTError as error:
        raise NotBelieved(f"the ID token's signature does not hold: {error}") from error
    _check_parties(claims, expected)
    _check_times(claims, now.timestamp())
    return claims


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims["iss"] != expected.issuer:
        raise NotBelieved(
            f"the ID token is from {claims['iss']!r}, not from {expected.issuer!r} (iss)"
        )
    audience = claims["aud"]
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or expected.client_id not in audiences:
        raise NotBelieved(f"the ID token is for {audience!r}, not for this client (aud)")
    party = claims.get("azp", expected.client_id if len(audiences) == 1 else None)
    if party != expected.client_id:
        raise NotBelieved(f"the ID token was given to {party!r}, not to this client (azp)")
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise NotBelieved("the ID token is about nobody (sub)")
    nonce = claims["nonce"]
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(), expected.nonce.encode()
    ):
        raise NotBelieved("the ID token answers another sign-in (nonce)")


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, now_s)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotBelieved(f"the ID token's {name} is {value!r}, which is no time")
    if now_s >= claims["exp"] + LEEWAY_S:
        raise NotBelieved("the ID token has expired (exp); check both clocks")
    for name in ("iat", "nbf"):
        if claims.get(name, now_s) > now_s + LEEWAY_S:
            raise NotBelieved(f"the ID token is from the future ({name}); check both clocks")


def _key(keys: Sequence[Jwk], key_id: Any, algorithm: str) -> Any:
    """Return the key that a header names, when it may sign with the algorithm.

    Raises:
        UnknownKey: there is none of this id.
        NotBelieved: the key is for something else.
    """
    import jwt  # noqa: PLC0415

    signing = [key for key in keys if key.get("use", "sig") == "sig"]
    if key_id is not None:
        named = [key for key in signing if key.get("kid") == key_id]
    else:
        named = [key for key in signing if algorithm in _algorithms(key)]
    if not named:
        raise UnknownKey(f"the provider has no key {key_id!r} that signs with {algorithm} (kid)")
    if len(named) > 1:
        raise NotBelieved("the ID token does not say which of the provider's keys signed it (kid)")
    (found,) = named
    if algorithm not in _algorithms(found):
        raise NotBelieved(f"the key {key_id!r} does not sign with {algorithm!r} (alg)")
    try:
        return jwt.PyJWK.from_dict(dict(found), algorithm).key
    except jwt.PyJWTError as error:
        raise NotBelieved(f"the provider's key {key_id!r} cannot be read: {error}") from error


def _algorithms(key: Jwk) -> tuple[str, ...]:
    found = _ALGORITHMS.get((str(key.get("kty")), key.get("crv")), ())
    own = key.get("alg")
    return found if own is None else tuple(a for a in found if a == own)
