"""Who may do what: roles, and the DAGs that an account may see.

Roles are a ladder, each with everything below it:

    viewer  sees DAGs, runs, tasks, logs
    user    triggers, clears, marks, pauses
    op      variables, connections, pools, settings, the whole audit log
    admin   accounts

An account sees all DAGs, or only those on its list, each to read or to edit. A list only ever
takes away: a viewer does not edit whatever the list says. An admin sees all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What an account may do."""

    VIEWER = "viewer"
    USER = "user"
    OP = "op"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Tell whether this role has everything that another has."""
        return _LADDER.index(self) >= _LADDER.index(needed)


_LADDER = tuple(Role)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account.

    dags: by DAG id whether it may be edited; None: all DAGs.
    """

    username: str
    role: Role
    email: str | None = None
    active: bool = True
    dags: Mapping[str, bool] | None = None
    created_at: datetime | None = None
    signed_in_at: datetime | None = None

    @property
    def readable(self) -> frozenset[str] | None:
        """Return the DAGs it may see; None: all."""
        if self.dags is None or self.role is Role.ADMIN:
            return None
        return frozenset(self.dags)

    def may_read(self, dag_id: str) -> bool:
        """Tell whether it may see a DAG."""
        return self.readable is None or dag_id in self.readable

    def may_edit(self, dag_id: str) -> bool:
        """Tell whether it may trigger, clear and pause a DAG."""
        if not self.role.covers(Role.USER) or not self.may_read(dag_id):
            return False
        return self.readable is None or bool(self.dags and self.dags[dag_id])
