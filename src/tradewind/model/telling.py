"""Names that say that a value is a secret: for logs, rendered fields and the API alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = "***"
"""What stands in place of a secret."""

_MAX_DEPTH = 12

_TELLING = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)


def is_telling(name: str) -> bool:
    """Tell whether a name says that its value is a secret."""
    lower = name.strip().lower()
    return any(word in lower for word in _TELLING)


def hide(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return plain data with everything under a telling name hidden, however deep."""
    if name and is_telling(name) and value not in (None, ""):
        return SHOWN
    if depth >= _MAX_DEPTH:
        return SHOWN
    if isinstance(value, Mapping):
        return {k: hide(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [hide(v, "", depth + 1) for v in value]
    return value


def restore(new: Any, old: Any) -> Any:
    """Return what was sent back with its hidden parts as they were before."""
    if new == SHOWN:
        return old
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return {k: restore(v, old.get(k)) for k, v in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        return [restore(v, old[i] if i < len(old) else None) for i, v in enumerate(new)]
    return new
