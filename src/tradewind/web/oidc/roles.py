"""What a person of an identity provider is called here, and which role they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradewind.errors import ConfigError
from tradewind.model.account import Role


def role_table(entries: Sequence[str]) -> dict[str, Role]:
    """Return the setting oidc.roles as a table.

    Raises:
        ConfigError: an entry is not value=role.
    """
    table: dict[str, Role] = {}
    for entry in entries:
        value, separator, name = entry.rpartition("=")
        if not separator or not value or name not in set(Role):
            raise ConfigError(
                f"oidc.roles: {entry!r} is not value=role; roles are {', '.join(Role)}"
            )
        table[value.strip()] = Role(name)
    return table


def role_of(claims: Mapping[str, Any], claim: str, table: Mapping[str, Role]) -> Role | None:
    """Return the highest role that a person's groups mean; None when none means any."""
    values = claim_of(claims, claim)
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, list):
        return None
    found = [table[value] for value in values if isinstance(value, str) and value in table]
    return max(found, key=list(Role).index) if found else None


def claim_of(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim: of this very name, else with dots leading inside (realm_access.roles)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
