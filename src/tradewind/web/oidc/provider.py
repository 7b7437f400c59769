"""The identity provider: where its endpoints are, which keys it has, a code's ID token."""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from tradewind.clock import Clock
from tradewind.config import Config
from tradewind.config.signing_in import Oidc
from tradewind.errors import ConfigError, Unavailable
from tradewind.web.oidc.fetching import fetch_json, is_allowed
from tradewind.web.oidc.id_token import Expected, UnknownKey, claims_of
from tradewind.web.oidc.roles import role_table

CALLBACK = "/auth/oidc/callback"
_DISCOVERY = "/.well-known/openid-configuration"
_KEPT = timedelta(hours=1)
_KEYS_AGAIN = timedelta(minutes=1)
"""Keys that nobody knows are asked for no more often: anybody can make up a token."""


class Endpoints(msgspec.Struct, frozen=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Provider:
    """The configured provider. What it publishes is kept for an hour."""

    def __init__(self, settings: Oidc, base_url: str, clock: Clock) -> None:
        """Make one.

        Args:
            settings: the section [oidc].
            base_url: where browsers reach this server; the callback is below it.
            clock: the time.

        Raises:
            ConfigError: a setting is missing or not right.
        """
        if not settings.client_id:
            raise ConfigError("oidc.client_id is empty; the provider gave one for oidc.issuer")
        if not base_url:
            raise ConfigError("oidc.issuer needs api.base_url: the provider leads back to it")
        if not is_allowed(settings.issuer):
            raise ConfigError(f"oidc.issuer: {settings.issuer!r} must begin with https://")
        self.settings = settings
        self.roles = role_table(settings.roles)
        self._callback = base_url + CALLBACK
        self._clock = clock
        self._lock = threading.Lock()
        self._endpoints: tuple[Endpoints, datetime] | None = None
        self._keys: tuple[list[dict[str, Any]], datetime] | None = None

    def address_to_sign_in(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser signs in.

        Args:
            state: comes back with the browser.
            nonce: comes back in the ID token.
            verifier: proves who asked, when the code is exchanged (RFC 7636).

        Raises:
            Unavailable: the provider does not answer, or not rightly.
        """
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._callback,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = self.endpoints().authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def exchange(self, code: str, verifier: str) -> str:
        """Return the ID token that a code stands for.

        Raises:
            Unavailable: the provider does not give one.
        """
        settings, endpoints = self.settings, self.endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        if settings.client_secret and (
            "client_secret_basic" in endpoints.token_endpoint_auth_methods_supported
        ):
            # Both parts are encoded for a form first (RFC 6749, 2.3.1).
            pair = f"{quote(settings.client_id, '')}:{quote(settings.client_secret, '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = settings.client_id
            if settings.client_secret:
                form["client_secret"] = settings.client_secret
        found = fetch_json(endpoints.token_endpoint, form, headers).get("id_token")
        if not isinstance(found, str):
            raise Unavailable(f"{endpoints.token_endpoint} gave no ID token; is openid a scope?")
        return found

    def claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Return what an ID token claims.

        Raises:
            NotBelieved: it is not to be believed.
            Unavailable: the provider's keys cannot be read.
        """
        settings = self.settings
        expected = Expected(issuer=settings.issuer, client_id=settings.client_id, nonce=nonce)
        now = self._clock.now()
        try:
            return claims_of(token, self._the_keys(_KEPT), expected, now)
        except UnknownKey:
            # The provider may have changed its keys since.
            return claims_of(token, self._the_keys(_KEYS_AGAIN), expected, now)

    def endpoints(self) -> Endpoints:
        """Return where the provider's endpoints are.

        Raises:
            Unavailable: it does not say, or names an issuer other than itself.
        """
        with self._lock:
            now = self._clock.now()
            if self._endpoints is not None and now - self._endpoints[1] < _KEPT:
                return self._endpoints[0]
            address = self.settings.issuer.rstrip("/") + _DISCOVERY
            try:
                found = msgspec.convert(fetch_json(address), Endpoints)
            except msgspec.ValidationError as error:
                raise Unavailable(f"{address} does not say all that is needed: {error}") from error
            if found.issuer != self.settings.issuer:
                raise Unavailable(
                    f"{address} is about {found.issuer!r}; oidc.issuer must be exactly that"
                )
            if not is_allowed(found.authorization_endpoint):
                raise Unavailable(f"{address} leads to {found.authorization_endpoint!r}")
            self._endpoints = (found, now)
            return found

    def _the_keys(self, most: timedelta) -> list[dict[str, Any]]:
        """Return the provider's keys as they were, at most so long ago."""
        address = self.endpoints().jwks_uri
        with self._lock:
            now = self._clock.now()
            if self._keys is None or now - self._keys[1] >= most:
                found = fetch_json(address).get("keys")
                if not isinstance(found, list):
                    raise Unavailable(f"{address} has no keys")
                self._keys = ([key for key in found if isinstance(key, dict)], now)
            return self._keys[0]


def provider_of(config: Config, clock: Clock) -> Provider | None:
    """Return the provider that is configured, or None.

    Raises:
        ConfigError: it is configured wrongly.
    """
    if not config.oidc.issuer:
        return None
    return Provider(config.oidc, config.api.base_url, clock)
