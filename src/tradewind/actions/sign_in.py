"""Sign in and out: passwords against accounts, sessions that the database can end.

A browser's session is a random secret of which only the hash is stored; a program's is the id
of a signed token. Attempts are counted before the password is looked at, so that many at once
get no more guesses than one after the other.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

import msgspec

from tradewind.actions import passwords
from tradewind.clock import Clock
from tradewind.errors import TradewindError
from tradewind.model.account import Account
from tradewind.store import accounts, audit
from tradewind.store.accounts import Session
from tradewind.store.connect import Database

_TOUCH = timedelta(seconds=60)
"""The time of last use is written no more often than this."""


class Refused(TradewindError):
    """The user name or the password is not right."""


class TooMany(TradewindError):
    """Too many failed sign-ins."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many failed sign-ins; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions last, and how many guesses there are."""

    session_lifetime: timedelta
    session_idle: timedelta
    failures: int
    window: timedelta


def check_password(
    db: Database, clock: Clock, limits: Limits, username: str, password: str, address: str
) -> None:
    """Check a password.

    Raises:
        Refused: the account does not exist, is not active, or has another password.
        TooMany: there were too many failures for this account or from this address.
    """
    now = clock.now()
    oldest = accounts.note_attempt(db, username, address, now, now - limits.window, limits.failures)
    if oldest is not None:
        raise TooMany(max(1, int((oldest + limits.window - now).total_seconds())))
    if not passwords.matches(accounts.password_hash(db, username), password):
        raise Refused


def open_browser_session(
    db: Database, clock: Clock, limits: Limits, username: str, address: str
) -> str:
    """Open a session for a browser and return its secret."""
    secret = secrets.token_urlsafe(32)
    _open(db, clock, hash_of(secret), username, "browser", limits.session_lifetime, address)
    return secret


def open_token_session(
    db: Database, clock: Clock, lifetime: timedelta, username: str, address: str
) -> Session:
    """Open a session for an API token; its id belongs into the token."""
    return _open(db, clock, uuid.uuid4().hex, username, "token", lifetime, address)


def _open(
    db: Database,
    clock: Clock,
    session_id: str,
    username: str,
    kind: str,
    lifetime: timedelta,
    address: str,
) -> Session:
    now = clock.now()
    opened = Session(
        session_id=session_id,
        username=username,
        kind=kind,
        created_at=now,
        seen_at=now,
        expires_at=now + lifetime,
        address=address,
    )
    with db.write() as conn:
        accounts.insert_session(conn, opened)
        details = {"kind": kind, "address": address}
        audit.record(conn, "sign_in", actor=username, now=now, details=details)
    return opened


def who(db: Database, clock: Clock, limits: Limits, session_id: str, kind: str) -> Account | None:
    """Return whose session this is; None when it is over, unknown or of another kind."""
    now = clock.now()
    found = accounts.session(db, session_id, now)
    if found is None or found[0].kind != kind:
        return None
    session, account = found
    if kind == "browser":
        if now - session.seen_at > limits.session_idle:
            return None
        if now - session.seen_at > _TOUCH:
            with db.write() as conn:
                accounts.touch_session(conn, session_id, now)
    return account


def sign_out(db: Database, clock: Clock, session_id: str, username: str) -> None:
    """End a session."""
    with db.write() as conn:
        accounts.end_session(conn, session_id)
        audit.record(conn, "sign_out", actor=username, now=clock.now())


def sign_out_everywhere(db: Database, clock: Clock, username: str, *, actor: str) -> None:
    """End all sessions and tokens of an account: its owner's order, or an administrator's."""
    with db.write() as conn:
        accounts.end_sessions(conn, username)
        details = {"username": username}
        audit.record(conn, "sign_out_everywhere", actor=actor, now=clock.now(), details=details)


def hash_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
