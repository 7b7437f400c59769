"""Signing in and out, and one's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from tradewind.actions import accounts as change
from tradewind.actions import sign_in
from tradewind.errors import UserError
from tradewind.model.account import Account
from tradewind.store import accounts
from tradewind.web.access import Access, NotSignedIn
from tradewind.web.auth.identify import (
    CrossSite,
    Identifier,
    cookie_name,
    csrf_token,
    set_session_cookie,
)
from tradewind.web.auth.origin import is_same_origin, safe_path
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid, json
from tradewind.web.shapes import Body, Shape


class LoginBody(Body):
    """A user name and its password."""

    username: str
    password: str


class OwnTokenBody(Body):
    """How long a token is to be good for, in seconds; at most as long as others are."""

    lifetime_s: float | None = None


class PasswordBody(Body):
    """The password that an account has, and the one it is to have."""

    old_password: str
    new_password: str


class TokenResponse(Shape):
    """An API token: send it as `Authorization: Bearer …`."""

    access_token: str


class MeResponse(Shape):
    """The caller. csrf_token: a browser sends it with each change, as X-CSRF-Token."""

    username: str
    role: str
    email: str | None
    signed_in_by: str
    csrf_token: str | None
    all_dags: bool


class NextQuery(msgspec.Struct):
    """Where to go after signing in."""

    next: str | None = None


routes = Routes("Login")


def token_routes(identifier: Identifier) -> Routes:
    """Return the endpoints that make tokens."""
    making = Routes("Login")

    def make(call: Call[None, LoginBody], lifetime_s: float) -> TokenResponse:
        _check(call)
        site, username = call.site, call.body.username
        opened = sign_in.open_token_session(
            site.db, site.clock, timedelta(seconds=lifetime_s), username, call.address
        )
        with site.db.read() as conn:
            role = accounts.account(conn, username).role
        return TokenResponse(access_token=identifier.tokens.sign(opened, role.value))

    @making.post("/auth/token", Access.PUBLIC, status=201, audited=False)
    def create_token(call: Call[None, LoginBody]) -> TokenResponse:
        """Give a token for a user name and a password."""
        return make(call, call.site.config.api_auth.token_lifetime_s)

    @making.post("/auth/tokens", Access.SIGNED_IN, status=201, audited=False)
    def create_own_token(call: Call[None, OwnTokenBody]) -> TokenResponse:
        """Give whoever is signed in with a browser a token: a token makes no further ones."""
        if call.caller.how != "browser":
            raise UserError(
                "sign in with a browser to make a token, or send a password to /auth/token"
            )
        site, most = call.site, call.site.config.api_auth.token_lifetime_s
        wanted = most if call.body.lifetime_s is None else call.body.lifetime_s
        if not 0 < wanted <= most:
            raise invalid("lifetime_s", f"must be more than 0 and at most {most:.0f}", wanted)
        opened = sign_in.open_token_session(
            site.db, site.clock, timedelta(seconds=wanted), call.caller.name, call.address
        )
        return TokenResponse(access_token=identifier.tokens.sign(opened, _account(call).role.value))

    @making.post("/auth/token/cli", Access.PUBLIC, status=201, audited=False)
    def create_cli_token(call: Call[None, LoginBody]) -> TokenResponse:
        """Give a token that is good for a shorter time."""
        return make(call, call.site.config.api_auth.cli_token_lifetime_s)

    return making


@routes.post("/auth/login", Access.PUBLIC, audited=False)
def sign_in_browser(call: Call[None, LoginBody]) -> Response:
    """Sign a browser in: the session is a cookie, whatever cookie it had before."""
    if not is_same_origin(call.request):
        raise CrossSite
    _check(call)
    site = call.site
    secret = sign_in.open_browser_session(
        site.db, site.clock, site.limits, call.body.username, call.address
    )
    with site.db.read() as conn:
        account = accounts.account(conn, call.body.username)
    response = json(_me(account, "browser", csrf_token(secret)))
    set_session_cookie(response, site, secret)
    return response


@routes.post("/auth/logout", Access.SIGNED_IN, status=204, audited=False)
def sign_out(call: Call[None, None]) -> Response:
    """End the session that the request came with."""
    if call.caller.session_id is not None:
        sign_in.sign_out(call.site.db, call.site.clock, call.caller.session_id, call.caller.name)
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(call.site), path="/", secure=call.site.is_secure)
    return response


@routes.get("/auth/me", Access.SIGNED_IN)
def get_me(call: Call[None, None]) -> MeResponse:
    """Return the caller."""
    secret = call.request.cookies.get(cookie_name(call.site))
    token = csrf_token(secret) if secret and call.caller.how == "browser" else None
    return _me(_account(call), call.caller.how, token)


@routes.post("/auth/password", Access.SIGNED_IN, status=204, audited=False)
def change_password(call: Call[None, PasswordBody]) -> None:
    """Change one's own password; all sessions end."""
    if call.caller.how == "loopback":
        raise UserError("this machine is trusted without an account; it has no password")
    site, name = call.site, call.caller.name
    try:
        sign_in.check_password(
            site.db, site.clock, site.limits, name, call.body.old_password, call.address
        )
    except sign_in.Refused as error:
        # Who calls is signed in: a 401 would say that they are not.
        raise invalid("old_password", "is not the account's password") from error
    change.set_password(site.db, site.clock, name, call.body.new_password, actor=name)


@routes.get("/api/v2/auth/login", Access.PUBLIC, status=307)
def login(call: Call[NextQuery, None]) -> Response:
    """Lead a browser to the sign-in page."""
    return RedirectResponse(f"/login?next={safe_path(call.query.next)}", 307)


@routes.get("/api/v2/auth/logout", Access.PUBLIC, status=307)
def logout(call: Call[None, None]) -> Response:
    """Lead a browser to the page that signs out: reading a page changes nothing."""
    del call
    return RedirectResponse("/logout", 307)


def _check(call: Call[None, LoginBody]) -> None:
    try:
        sign_in.check_password(
            call.site.db,
            call.site.clock,
            call.site.limits,
            call.body.username[:200],
            call.body.password,
            call.address,
        )
    except sign_in.Refused as error:
        raise sign_in.Refused("Invalid credentials") from error


def _account(call: Call[Any, Any]) -> Account:
    if call.caller.account is None:
        raise NotSignedIn
    return call.caller.account


def _me(account: Account, how: str, token: str | None) -> MeResponse:
    return MeResponse(
        username=account.username,
        role=account.role.value,
        email=account.email,
        signed_in_by=how,
        csrf_token=token,
        all_dags=account.readable is None,
    )
