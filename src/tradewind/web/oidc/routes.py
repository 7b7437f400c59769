"""A browser's way to the identity provider and back.

Between the two, what must be the same again travels in a cookie that is signed here: state,
nonce and verifier belong to this browser, and no server needs to remember them. Whoever is sent
here with somebody else's code has no such cookie.

A browser whose sign-in fails is led to the sign-in page with a word for what happened; the
server's log has the reason, which may name what is nobody else's business.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from tradewind.actions import sign_in
from tradewind.actions.identities import Identity, account_of
from tradewind.actions.sign_in import Refused
from tradewind.errors import NotFound, TradewindError, Unavailable, UserError
from tradewind.model.account import Role
from tradewind.web.access import Access
from tradewind.web.auth.identify import set_session_cookie
from tradewind.web.auth.origin import safe_path
from tradewind.web.auth.routes import NextQuery
from tradewind.web.auth.signing import SigningKey
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.oidc.id_token import NotBelieved
from tradewind.web.oidc.provider import CALLBACK, Provider
from tradewind.web.oidc.roles import claim_of, role_of
from tradewind.web.shapes import Shape

log = logging.getLogger(__name__)

_AUDIENCE = "urn:tradewind:oidc-sign-in"
_SIGN_IN_S = 600
"""A person has so long to sign in at the provider."""
_LONGEST_NEXT = 1_000
_LONGEST_SUBJECT = 255


class Methods(Shape):
    """How one signs in. oidc: what the button says; null: there is no provider."""

    password: bool
    oidc: str | None


class CallbackQuery(msgspec.Struct):
    """What the provider sends a browser back with (RFC 6749, 4.1.2; RFC 9207)."""

    code: str | None = None
    state: str | None = None
    error: str | None = None
    error_description: str | None = None
    iss: str | None = None


class _Ended(TradewindError):
    """The sign-in began too long ago, or in another browser."""


_WORDS: dict[type[TradewindError], str] = {
    _Ended: "ended",
    NotBelieved: "not_believed",
    Unavailable: "unavailable",
    Refused: "refused",
    UserError: "refused",
}
"""What a browser is told, by what happened."""


def oidc_routes(provider: Provider | None, key: SigningKey) -> Routes:
    """Return the endpoints; without a provider they say that there is none."""
    routes = Routes("Login")

    def the_provider() -> Provider:
        if provider is None:
            raise NotFound("there is no identity provider; oidc.issuer names one")
        return provider

    @routes.get("/auth/methods", Access.PUBLIC)
    def get_sign_in_methods(call: Call[None, None]) -> Methods:
        """Return how one signs in here."""
        del call
        return Methods(password=True, oidc=provider.settings.label if provider else None)

    @routes.get("/auth/oidc/login", Access.PUBLIC, status=302)
    def sign_in_with_provider(call: Call[NextQuery, None]) -> Response:
        """Lead a browser to the identity provider."""
        try:
            return _lead_there(call, the_provider(), key)
        except Unavailable as error:
            return _failed("unavailable", error)

    @routes.get(CALLBACK, Access.PUBLIC, status=302)
    def return_from_provider(call: Call[CallbackQuery, None]) -> Response:
        """Sign a browser in that comes back from the identity provider."""
        chosen = the_provider()
        try:
            response = _let_in(call, chosen, key)
        except tuple(_WORDS) as error:
            word = next(word for kind, word in _WORDS.items() if isinstance(error, kind))
            response = _failed(word, error)
        response.delete_cookie(_cookie(call), path="/", secure=call.site.is_secure)
        return response

    return routes


def _lead_there(call: Call[NextQuery, None], provider: Provider, key: SigningKey) -> Response:
    now_s = int(call.site.clock.now().timestamp())
    state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    verifier = secrets.token_urlsafe(48)
    begun = {
        "sub": state,
        "nonce": nonce,
        "verifier": verifier,
        "next": safe_path((call.query.next or "")[:_LONGEST_NEXT]),
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + _SIGN_IN_S,
    }
    response = RedirectResponse(provider.address_to_sign_in(state, nonce, verifier), 302)
    response.set_cookie(
        _cookie(call),
        key.sign(_AUDIENCE, begun),
        max_age=_SIGN_IN_S,
        path="/",
        secure=call.site.is_secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _let_in(call: Call[CallbackQuery, None], provider: Provider, key: SigningKey) -> Response:
    site = call.site
    begun = _begun(call, key)
    account = account_of(site.db, site.clock, _who(provider, call.query, begun))
    secret = sign_in.open_browser_session(
        site.db, site.clock, site.limits, account.username, call.address
    )
    response = RedirectResponse(safe_path(begun["next"]), 302)
    set_session_cookie(response, site, secret)
    return response


def _begun(call: Call[CallbackQuery, None], key: SigningKey) -> dict[str, Any]:
    """Return what this browser began, when the provider's answer is to that."""
    begun = key.claims(_AUDIENCE, call.request.cookies.get(_cookie(call), ""))
    if begun is None or begun["exp"] <= call.site.clock.now().timestamp():
        raise _Ended
    if not hmac.compare_digest(begun["sub"].encode(), (call.query.state or "").encode()):
        raise _Ended
    return begun


def _who(provider: Provider, answer: CallbackQuery, begun: dict[str, Any]) -> Identity:
    """Return the person that the provider answers with."""
    settings = provider.settings
    if answer.iss is not None and answer.iss != settings.issuer:
        raise NotBelieved(f"the answer is from {answer.iss!r}, not from {settings.issuer!r}")
    if answer.error is not None or not answer.code:
        raise Refused(f"the provider says {answer.error}: {answer.error_description}")
    token = provider.exchange(answer.code, begun["verifier"])
    claims = provider.claims(token, begun["nonce"])
    username = claim_of(claims, settings.username_claim)
    if not isinstance(username, str) or len(claims["sub"]) > _LONGEST_SUBJECT:
        raise Refused(f"the ID token has no {settings.username_claim!r} (oidc.username_claim)")
    email = claims.get("email")
    told = role_of(claims, settings.roles_claim, provider.roles)
    default = Role(settings.default_role) if settings.default_role else None
    return Identity(
        issuer=settings.issuer,
        subject=claims["sub"],
        username=username,
        email=email if isinstance(email, str) else None,
        role=told or default,
        role_is_told=bool(provider.roles),
    )


def _failed(word: str, error: TradewindError) -> Response:
    log.warning("a sign-in with the identity provider failed: %s", error)
    return RedirectResponse(f"/login?failed={word}", 302)


def _cookie(call: Call[Any, None]) -> str:
    return "__Host-tradewind-oidc" if call.site.is_secure else "tradewind-oidc"
