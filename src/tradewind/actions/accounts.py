"""Make, change and remove accounts. Each change is in the audit log, before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from tradewind.actions import passwords
from tradewind.clock import Clock
from tradewind.errors import UserError
from tradewind.model.account import Account, Role
from tradewind.store import accounts, audit
from tradewind.store.connect import Database

FIRST_ADMIN = "admin"
USERNAME = re.compile(r"[\w.@+-]{1,100}")
"""What accounts may be called."""


def create(
    db: Database, clock: Clock, new: Account, password: str | None, *, actor: str
) -> Account:
    """Make an account.

    Raises:
        AlreadyExists: there is one of this name.
        UserError: the name or the password will not do.
    """
    if not USERNAME.fullmatch(new.username):
        raise UserError(
            f"user name {new.username!r} is not allowed: at most 100 letters, digits and _.@+-"
        )
    hashed = None
    if password is not None:
        passwords.check_new(password)
        hashed = passwords.hash_of(password)
    now = clock.now()
    made = msgspec.structs.replace(new, created_at=now, signed_in_at=None)
    with db.write() as conn:
        accounts.insert_account(conn, made, hashed)
        record(conn, clock, "create_user", actor, {"username": new.username, "after": shown(new)})
    return made


def first_admin(db: Database, clock: Clock) -> str | None:
    """Make the account "admin" when there is no account yet; return its password."""
    with db.read() as conn:
        if not accounts.is_empty(conn):
            return None
    password = passwords.generate()
    admin = Account(username=FIRST_ADMIN, role=Role.ADMIN)
    create(db, clock, admin, password, actor="standalone")
    return password


def change(
    db: Database,
    clock: Clock,
    username: str,
    *,
    actor: str,
    role: Role | None = None,
    email: str | None = None,
    active: bool | None = None,
) -> Account:
    """Change an account and end its sessions; None leaves a thing as it is.

    Raises:
        NotFound: there is no such account.
        UserError: it is the last administrator.
    """
    with db.write() as conn:
        before = accounts.account(conn, username)
        after = msgspec.structs.replace(
            before,
            role=before.role if role is None else role,
            email=before.email if email is None else email,
            active=before.active if active is None else active,
        )
        if after.role is not Role.ADMIN or not after.active:
            keep_an_admin(conn, before)
        accounts.update_account(conn, after)
        details = {"username": username, "before": shown(before), "after": shown(after)}
        record(conn, clock, "change_user", actor, details)
    return after


def allow(
    db: Database, clock: Clock, username: str, dags: Mapping[str, bool] | None, *, actor: str
) -> Account:
    """Set which DAGs an account may see and edit (None: all), and end its sessions.

    Raises:
        NotFound: there is no such account.
    """
    with db.write() as conn:
        before = accounts.account(conn, username)
        after = msgspec.structs.replace(before, dags=dags)
        accounts.update_account(conn, after)
        details = {"username": username, "before": shown(before), "after": shown(after)}
        record(conn, clock, "change_user_dags", actor, details)
    return after


def set_password(db: Database, clock: Clock, username: str, password: str, *, actor: str) -> None:
    """Set an account's password and end its sessions.

    Raises:
        NotFound: there is no such account.
        UserError: the password will not do.
    """
    passwords.check_new(password)
    hashed = passwords.hash_of(password)
    with db.write() as conn:
        accounts.account(conn, username)
        accounts.set_password_hash(conn, username, hashed)
        record(conn, clock, "set_password", actor, {"username": username})


def delete(db: Database, clock: Clock, username: str, *, actor: str) -> None:
    """Remove an account and end its sessions.

    Raises:
        NotFound: there is no such account.
        UserError: it is the last administrator.
    """
    with db.write() as conn:
        before = accounts.account(conn, username)
        keep_an_admin(conn, before)
        accounts.delete_account(conn, username)
        details = {"username": username, "before": shown(before)}
        record(conn, clock, "delete_user", actor, details)


def keep_an_admin(conn: Connection, before: Account) -> None:
    """Refuse what would leave no administrator.

    Raises:
        UserError: it is the last one.
    """
    if before.role is Role.ADMIN and before.active and accounts.admins(conn) == 1:
        raise UserError(f"{before.username!r} is the last administrator; make another one first")


def shown(account: Account) -> dict[str, Any]:
    """Return what the audit log shows of an account."""
    return {
        "role": account.role.value,
        "email": account.email,
        "active": account.active,
        "dags": None if account.dags is None else dict(account.dags),
    }


def record(
    conn: Connection, clock: Clock, action: str, actor: str, details: Mapping[str, Any]
) -> None:
    """Write a change of accounts into the audit log."""
    audit.record(conn, action, actor=actor, now=clock.now(), details=details)
