"""Accounts, for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from tradewind.actions import accounts as change
from tradewind.model.account import Account, Role
from tradewind.store import accounts
from tradewind.web.access import Access
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Body, Shape

routes = Routes("Users")
_ALL = "/auth/users"
_ONE = f"{_ALL}/{{username}}"
RoleName = Literal["viewer", "user", "op", "admin"]


class UserBody(Body):
    """An account to make. dags: by DAG id whether it may be edited; null: all DAGs."""

    username: str
    password: str
    role: RoleName
    email: str | None = None
    dags: dict[str, bool] | None = None


class UserPatchBody(Body):
    """What to change of an account; what is not given stays."""

    role: RoleName | None = None
    email: str | None = None
    active: bool | None = None
    password: str | None = None
    dags: dict[str, bool] | msgspec.UnsetType | None = msgspec.UNSET


class UserResponse(Shape):
    """An account."""

    username: str
    role: str
    email: str | None
    active: bool
    dags: dict[str, bool] | None
    created_at: datetime | None
    signed_in_at: datetime | None


class UserCollectionResponse(Shape):
    """Accounts."""

    users: list[UserResponse]
    total_entries: int


@routes.get(_ALL, Access.ADMIN)
def get_users(call: Call[None, None]) -> UserCollectionResponse:
    """List accounts."""
    found = [_shape(account) for account in accounts.accounts(call.site.db)]
    return UserCollectionResponse(users=found, total_entries=len(found))


@routes.get(_ONE, Access.ADMIN)
def get_user(call: Call[None, None]) -> UserResponse:
    """Return an account."""
    return _the_user(call)


@routes.post(_ALL, Access.ADMIN, status=201, audited=False)
def post_user(call: Call[None, UserBody]) -> UserResponse:
    """Make an account."""
    body, site = call.body, call.site
    new = Account(username=body.username, role=Role(body.role), email=body.email, dags=body.dags)
    return _shape(change.create(site.db, site.clock, new, body.password, actor=call.caller.name))


@routes.patch(_ONE, Access.ADMIN, audited=False)
def patch_user(call: Call[None, UserPatchBody]) -> UserResponse:
    """Change an account; its sessions end."""
    body, site, name = call.body, call.site, call.path["username"]
    actor = call.caller.name
    change.change(
        site.db,
        site.clock,
        name,
        actor=actor,
        role=None if body.role is None else Role(body.role),
        email=body.email,
        active=body.active,
    )
    if body.dags is not msgspec.UNSET:
        change.allow(site.db, site.clock, name, body.dags, actor=actor)
    if body.password is not None:
        change.set_password(site.db, site.clock, name, body.password, actor=actor)
    return _the_user(call)


@routes.delete(_ONE, Access.ADMIN)
def delete_user(call: Call[None, None]) -> None:
    """Remove an account; its sessions end."""
    change.delete(call.site.db, call.site.clock, call.path["username"], actor=call.caller.name)


def _the_user(call: Call[Any, Any]) -> UserResponse:
    with call.site.db.read() as conn:
        return _shape(accounts.account(conn, call.path["username"]))


def _shape(account: Account) -> UserResponse:
    return UserResponse(
        username=account.username,
        role=account.role.value,
        email=account.email,
        active=account.active,
        dags=None if account.dags is None else dict(account.dags),
        created_at=account.created_at,
        signed_in_at=account.signed_in_at,
    )
