"""Find out who sends a request: by token, by cookie, or by where it is from."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from tradewind.actions import sign_in
from tradewind.model.account import Account, Role
from tradewind.web.access import Caller, Forbidden
from tradewind.web.auth.origin import is_from_loopback, is_same_origin
from tradewind.web.auth.tokens import Tokens
from tradewind.web.site import Site

CSRF_HEADER = "x-csrf-token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOBODY = Caller(account=None, how="none")
_LOCAL = Account(username="local", role=Role.ADMIN)
"""Whoever reaches a server that trusts this machine, from this machine."""


class CrossSite(Forbidden):
    """Another site may have sent this; reload the page and try again."""


def cookie_name(site: Site) -> str:
    """Return the name of the session's cookie; the prefix binds it to TLS and to this host."""
    return "__Host-tradewind" if site.is_secure else "tradewind"


def set_session_cookie(response: Response, site: Site, secret: str) -> None:
    """Give a browser its session: out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        cookie_name(site),
        secret,
        max_age=int(site.config.api_auth.session_lifetime_s),
        path="/",
        secure=site.is_secure,
        httponly=True,
        samesite="lax",
    )


def csrf_token(secret: str) -> str:
    """Return the token that a page of ours sends with each change; the session implies it."""
    return hashlib.sha256(b"csrf:" + secret.encode()).hexdigest()


class Identifier:
    """Tell who calls."""

    def __init__(self, site: Site, tokens: Tokens) -> None:
        self._site = site
        self.tokens = tokens

    def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            CrossSite: a browser's change that another site may have sent.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(token.strip())
        secret = request.cookies.get(cookie_name(self._site))
        if secret:
            found = self._by_cookie(request, secret)
            if found is not None:
                return found
        if self._site.config.api.trust_loopback and is_from_loopback(request):
            if request.method not in _SAFE_METHODS:
                _refuse_other_sites(request)
            return Caller(account=_LOCAL, how="loopback")
        return _NOBODY

    def _by_token(self, token: str) -> Caller:
        session_id = self.tokens.session_id(token)
        if session_id is None:
            return _NOBODY
        account = self._who(session_id, "token")
        if account is None:
            return _NOBODY
        return Caller(account=account, how="token", session_id=session_id)

    def _by_cookie(self, request: Request, secret: str) -> Caller | None:
        session_id = sign_in.hash_of(secret)
        account = self._who(session_id, "browser")
        if account is None:
            return None
        if request.method not in _SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER, "")
            if not is_same_origin(request) or not hmac.compare_digest(
                given.encode(), csrf_token(secret).encode()
            ):
                raise CrossSite
        return Caller(account=account, how="browser", session_id=session_id)

    def _who(self, session_id: str, kind: str) -> Account | None:
        site = self._site
        return sign_in.who(site.db, site.clock, site.limits, session_id, kind)


def _refuse_other_sites(request: Request) -> None:
    """Refuse what a form or a script of another site could send without being asked first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not is_same_origin(request) or kind not in {"", "application/json"}:
        raise CrossSite
