"""Sessions of browsers and tokens: one's own, and for administrators everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tradewind.actions import sign_in
from tradewind.errors import NotFound
from tradewind.store import accounts
from tradewind.store.accounts import Session
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape

routes = Routes("Login")
_OWN = "/auth/sessions"
_THEIRS = "/auth/users/{username}/sessions"
_SHOWN_OF_ID = 16


class SessionResponse(Shape):
    """A browser that is signed in, or a token in use; the id opens nothing."""

    id: str
    kind: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    current: bool


class SessionCollection(Shape):
    """Sessions of an account."""

    sessions: list[SessionResponse]
    total_entries: int


@routes.get(_OWN, Access.SIGNED_IN)
def get_sessions(call: Call[None, None]) -> SessionCollection:
    """Return the caller's sessions."""
    return _shape(call, accounts.sessions(call.site.db, call.caller.name))


@routes.delete(f"{_OWN}/{{session}}", Access.SIGNED_IN)
def end_session(call: Call[None, None]) -> None:
    """End one of the caller's sessions or tokens."""
    for session in accounts.sessions(call.site.db, call.caller.name):
        if _id(session) == call.path["session"]:
            sign_in.sign_out(call.site.db, call.site.clock, session.session_id, call.caller.name)
            return
    raise NotFound("you have no such session")


@routes.delete(_OWN, Access.SIGNED_IN)
def end_sessions(call: Call[None, None]) -> None:
    """End all the caller's sessions and tokens, this one too."""
    name = call.caller.name
    sign_in.sign_out_everywhere(call.site.db, call.site.clock, name, actor=name)


@routes.get(_THEIRS, Access.ADMIN)
def get_user_sessions(call: Call[None, None]) -> SessionCollection:
    """Return an account's sessions."""
    return _shape(call, accounts.sessions(call.site.db, _named(call)))


@routes.delete(_THEIRS, Access.ADMIN)
def end_user_sessions(call: Call[None, None]) -> None:
    """End all sessions and tokens of an account."""
    sign_in.sign_out_everywhere(call.site.db, call.site.clock, _named(call), actor=call.caller.name)


def _named(call: Call[None, None]) -> str:
    with call.site.db.read() as conn:
        return accounts.account(conn, call.path["username"]).username


def _shape(call: Call[None, None], found: Sequence[Session]) -> SessionCollection:
    now = call.site.clock.now()
    shown = [
        SessionResponse(
            id=_id(s),
            kind=s.kind,
            created_at=s.created_at,
            seen_at=s.seen_at,
            expires_at=s.expires_at,
            address=s.address,
            current=s.session_id == call.caller.session_id,
        )
        for s in found
        if s.expires_at > now
    ]
    return SessionCollection(sessions=shown, total_entries=len(shown))


def _id(session: Session) -> str:
    return sign_in.hash_of(session.session_id)[:_SHOWN_OF_ID]
