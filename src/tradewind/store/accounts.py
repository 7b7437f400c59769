"""Accounts, their sessions and their failed sign-ins.

Whatever changes what an account may do ends all its sessions in the same transaction: what
was handed out before the change opens nothing after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.account import Account, Role
from tradewind.store import account_tables as tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore

MAX_ACCOUNTS = 10_000
"""A list of accounts ends here."""

_account, _dag = tables.account, tables.account_dag
_session, _failure = tables.account_session, tables.sign_in_failure
_favorite = tables.favorite_dag
_identity = tables.account_identity


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser, or an API token in use. kind: "browser" or "token"."""

    session_id: str
    username: str
    kind: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None


# ---- accounts ---------------------------------------------------------------------------


def accounts(db: Database) -> list[Account]:
    """Return every account, by name."""
    with db.read() as conn:
        found = conn.execute(
            select(_account).order_by(_account.c.username).limit(MAX_ACCOUNTS)
        ).mappings()
        return [_to_account(conn, row) for row in found.all()]


def account(conn: Connection, username: str) -> Account:
    """Return an account.

    Raises:
        NotFound: there is none of this name.
    """
    row = conn.execute(select(_account).where(_account.c.username == username)).mappings().first()
    if row is None:
        raise NotFound(f"there is no user {username!r}; `tradewind users list` shows all")
    return _to_account(conn, row)


def is_empty(conn: Connection) -> bool:
    """Tell whether there is no account at all."""
    return conn.execute(select(_account.c.username).limit(1)).first() is None


def admins(conn: Connection) -> int:
    """Return how many active administrators there are."""
    statement = select(func.count()).where(
        _account.c.role == Role.ADMIN.value, _account.c.active.is_(True)
    )
    return int(conn.execute(statement).scalar_one())


def insert_account(conn: Connection, new: Account, password_hash: str | None) -> None:
    """Make an account.

    Raises:
        AlreadyExists: there is one of this name.
    """
    made = conn.execute(
        insert_or_ignore(_account),
        {
            "username": new.username,
            "role": new.role.value,
            "email": new.email,
            "password_hash": password_hash,
            "active": new.active,
            "all_dags": new.dags is None,
            "created_at": new.created_at,
            "signed_in_at": None,
        },
    )
    if made.rowcount == 0:
        raise AlreadyExists(f"there is a user {new.username!r} already")
    _put_dags(conn, new.username, new.dags)


def update_account(conn: Connection, changed: Account) -> None:
    """Write an account's role, address, state and DAGs, and end its sessions."""
    conn.execute(
        update(_account)
        .where(_account.c.username == changed.username)
        .values(
            role=changed.role.value,
            email=changed.email,
            active=changed.active,
            all_dags=changed.dags is None,
        )
    )
    _put_dags(conn, changed.username, changed.dags)
    end_sessions(conn, changed.username)


def set_password_hash(conn: Connection, username: str, password_hash: str) -> None:
    """Write a password's hash, and end the account's sessions."""
    conn.execute(
        update(_account).where(_account.c.username == username).values(password_hash=password_hash)
    )
    conn.execute(delete(_failure).where(_failure.c.username == username))
    end_sessions(conn, username)


def delete_account(conn: Connection, username: str) -> None:
    """Remove an account and everything of it."""
    conn.execute(delete(_account).where(_account.c.username == username))
    conn.execute(delete(_dag).where(_dag.c.username == username))
    conn.execute(delete(_failure).where(_failure.c.username == username))
    conn.execute(delete(_favorite).where(_favorite.c.username == username))
    conn.execute(delete(_identity).where(_identity.c.username == username))
    end_sessions(conn, username)


def password_hash(db: Database, username: str) -> str | None:
    """Return the password's hash of an active account; None when it cannot sign in with one."""
    statement = select(_account.c.password_hash).where(
        _account.c.username == username, _account.c.active.is_(True)
    )
    with db.read() as conn:
        found: str | None = conn.execute(statement).scalar_one_or_none()
    return found


# ---- identities at a provider ---------------------------------------------------------------


def owner(conn: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of a subject of an identity provider; None when it has none."""
    statement = select(_identity.c.username).where(
        _identity.c.issuer == issuer, _identity.c.subject == subject
    )
    username: str | None = conn.execute(statement).scalar_one_or_none()
    return None if username is None else account(conn, username)


def insert_identity(conn: Connection, issuer: str, subject: str, username: str) -> None:
    """Note whose an account is."""
    conn.execute(insert(_identity), {"issuer": issuer, "subject": subject, "username": username})


# ---- sessions ---------------------------------------------------------------------------


def insert_session(conn: Connection, new: Session) -> None:
    """Open a session, note the sign-in, and forget the failed ones before it."""
    conn.execute(insert(_session), msgspec.structs.asdict(new))
    conn.execute(
        update(_account)
        .where(_account.c.username == new.username)
        .values(signed_in_at=new.created_at)
    )
    conn.execute(delete(_failure).where(_failure.c.username == new.username))
    conn.execute(delete(_session).where(_session.c.expires_at < new.created_at))


def session(db: Database, session_id: str, now: datetime) -> tuple[Session, Account] | None:
    """Return a session that has not expired, and its account when that is active."""
    with db.read() as conn:
        row = (
            conn.execute(
                select(_session).where(
                    _session.c.session_id == session_id, _session.c.expires_at > now
                )
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        found = Session(**row)
        owner = (
            conn.execute(
                select(_account).where(
                    _account.c.username == found.username, _account.c.active.is_(True)
                )
            )
            .mappings()
            .first()
        )
        return (found, _to_account(conn, owner)) if owner is not None else None


def sessions(db: Database, username: str) -> list[Session]:
    """Return an account's sessions, the latest first."""
    statement = (
        select(_session)
        .where(_session.c.username == username)
        .order_by(_session.c.created_at.desc(), _session.c.session_id)
        .limit(MAX_ACCOUNTS)
    )
    with db.read() as conn:
        return [Session(**row) for row in conn.execute(statement).mappings()]


def session_counts(db: Database, now: datetime) -> dict[str, int]:
    """Return how many sessions each account has that has any."""
    statement = (
        select(_session.c.username, func.count().label("n"))
        .where(_session.c.expires_at > now)
        .group_by(_session.c.username)
    )
    with db.read() as conn:
        return {row.username: row.n for row in conn.execute(statement)}


def touch_session(conn: Connection, session_id: str, now: datetime) -> None:
    """Note that a session was used."""
    conn.execute(update(_session).where(_session.c.session_id == session_id).values(seen_at=now))


def end_session(conn: Connection, session_id: str) -> None:
    """End one session."""
    conn.execute(delete(_session).where(_session.c.session_id == session_id))


def end_sessions(conn: Connection, username: str) -> None:
    """End all sessions of an account."""
    conn.execute(delete(_session).where(_session.c.username == username))


# ---- failed sign-ins ----------------------------------------------------------------------


def note_attempt(
    db: Database, username: str, address: str, now: datetime, since: datetime, most: int
) -> datetime | None:
    """Count an attempt to sign in as failed until it succeeds.

    Returns:
        None when it may be tried; else the time of the oldest attempt that stands in its way.
    """
    mine = or_(_failure.c.username == username, _failure.c.address == address)
    with db.write() as conn:
        conn.execute(delete(_failure).where(_failure.c.at < since))
        for column, value in ((_failure.c.username, username), (_failure.c.address, address)):
            count = conn.execute(select(func.count()).where(column == value)).scalar_one()
            if count >= most:
                oldest: datetime = conn.execute(
                    select(func.min(_failure.c.at)).where(mine)
                ).scalar_one()
                return oldest
        conn.execute(insert(_failure), {"at": now, "username": username, "address": address})
    return None


def _put_dags(conn: Connection, username: str, dags: Mapping[str, bool] | None) -> None:
    conn.execute(delete(_dag).where(_dag.c.username == username))
    rows: list[dict[str, Any]] = [
        {"username": username, "dag_id": dag_id, "may_edit": edit}
        for dag_id, edit in (dags or {}).items()
    ]
    if rows:
        conn.execute(insert(_dag), rows)


def _to_account(conn: Connection, row: RowMapping) -> Account:
    dags: dict[str, bool] | None = None
    if not row["all_dags"]:
        listed = conn.execute(select(_dag).where(_dag.c.username == row["username"]))
        dags = {r.dag_id: bool(r.may_edit) for r in listed}
    return Account(
        username=row["username"],
        role=Role(row["role"]),
        email=row["email"],
        active=bool(row["active"]),
        dags=dags,
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
    )
