"""What a route asks of its caller, and the one place that decides it.

Every route declares an `Access`; without one the server does not start. Where the access is
about a DAG, it is decided on the DAG that is acted on, wherever its id was found: in the path
(before the endpoint runs), in a body or behind another id (the endpoint calls `require`).
What may not be read does not exist for the caller: 404, and absent from lists and counts.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from tradewind.errors import NotFound, UserError
from tradewind.model.account import Account, Role

ALL_DAGS = "~"
"""In a path in place of a DAG id: every DAG that the caller may read."""


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    VIEW = "view"
    DAG_READ = "dag_read"
    DAG_EDIT = "dag_edit"
    OP = "op"
    ADMIN = "admin"


_ROLE = {
    Access.SIGNED_IN: Role.VIEWER,
    Access.VIEW: Role.VIEWER,
    Access.DAG_READ: Role.VIEWER,
    Access.DAG_EDIT: Role.USER,
    Access.OP: Role.OP,
    Access.ADMIN: Role.ADMIN,
}


class NotSignedIn(UserError):
    """Not authenticated"""  # noqa: D415  Airflow's words, which clients show


class Forbidden(UserError):
    """Forbidden"""  # noqa: D415  likewise


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and how they were recognised: "none", "browser", "token" or "loopback"."""

    account: Account | None
    how: str
    session_id: str | None = None

    @property
    def name(self) -> str:
        """Return the name for the audit log."""
        return self.account.username if self.account else ""

    @property
    def readable(self) -> frozenset[str] | None:
        """Return the DAGs that the caller may see; None: all."""
        return self.account.readable if self.account else frozenset()

    def check(self, access: Access) -> None:
        """Refuse a caller whose role does not have an access.

        Raises:
            NotSignedIn: it is nobody.
            Forbidden: the role does not have it.
        """
        if access is Access.PUBLIC:
            return
        if self.account is None:
            raise NotSignedIn
        if not self.account.role.covers(_ROLE[access]):
            raise Forbidden

    def has(self, role: Role) -> bool:
        """Tell whether the caller has a role."""
        return self.account is not None and self.account.role.covers(role)

    def may_read(self, dag_id: str) -> bool:
        """Tell whether the caller may see a DAG."""
        return self.account is not None and self.account.may_read(dag_id)

    def require(self, dag_id: str, *, edit: bool = False) -> None:
        """Refuse a caller who may not read, or not edit, a DAG.

        Raises:
            NotFound: it may not be read; whether it exists is not told.
            Forbidden: it may be read, and not edited.
        """
        if not self.may_read(dag_id):
            raise NotFound(f"there is no DAG {dag_id!r}")
        if edit and not (self.account and self.account.may_edit(dag_id)):
            raise Forbidden
