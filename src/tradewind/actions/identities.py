"""The account of a person whom an identity provider knows: found, made, kept up to date."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from tradewind.actions.accounts import USERNAME, keep_an_admin, record, shown
from tradewind.actions.sign_in import Refused
from tradewind.clock import Clock
from tradewind.errors import AlreadyExists
from tradewind.model.account import Account, Role
from tradewind.store import accounts
from tradewind.store.connect import Database

ACTOR = "identity provider"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the provider knows them.

    subject: never changes and is nobody else's. username: what a new account is called.
    role: what they may do; None: nothing. role_is_told: the provider says so, and it holds from
    now on; else it is for a new account only, and what administrators set since stays.
    """

    issuer: str
    subject: str
    username: str
    email: str | None
    role: Role | None
    role_is_told: bool


def account_of(db: Database, clock: Clock, who: Identity) -> Account:
    """Return the account of a person; it is made when they come first.

    An account that was made by hand is nobody's at the provider, whatever they are called there.

    Raises:
        Refused: they have no account and get none; the message says why.
        UserError: it would take the last administrator's role away.
    """
    with db.write() as conn:
        before = accounts.owner(conn, who.issuer, who.subject)
        if before is None:
            return _make(conn, clock, who)
        if not before.active:
            raise Refused(f"the account {before.username!r} is closed")
        role = _role(who) if who.role_is_told else before.role
        after = msgspec.structs.replace(before, role=role, email=who.email or before.email)
        if after != before:
            if after.role is not Role.ADMIN:
                keep_an_admin(conn, before)
            accounts.update_account(conn, after)
            details = {"username": before.username, "before": shown(before), "after": shown(after)}
            record(conn, clock, "change_user", ACTOR, details)
        return after


def _make(conn: Connection, clock: Clock, who: Identity) -> Account:
    if not USERNAME.fullmatch(who.username):
        raise Refused(f"{who.username!r} is no user name here: letters, digits and _.@+- make one")
    made = Account(username=who.username, role=_role(who), email=who.email, created_at=clock.now())
    try:
        accounts.insert_account(conn, made, None)
    except AlreadyExists as error:
        raise Refused(
            f"there is an account {who.username!r} already that is not this person's at the "
            "provider; an administrator deletes it, or the provider calls them otherwise"
        ) from error
    accounts.insert_identity(conn, who.issuer, who.subject, who.username)
    details = {"username": made.username, "after": shown(made), "issuer": who.issuer}
    record(conn, clock, "create_user", ACTOR, details)
    return made


def _role(who: Identity) -> Role:
    if who.role is None:
        raise Refused(f"{who.username!r} is in no group that means a role here (oidc.roles)")
    return who.role
