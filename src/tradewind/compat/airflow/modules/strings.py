"""`airflow.utils.strings`."""

from __future__ import annotations

import secrets
import string

__all__ = ["get_random_string", "to_boolean"]

_TRUE = frozenset({"on", "t", "true", "y", "yes", "1"})


def get_random_string(length: int = 8, choices: str = string.ascii_letters + string.digits) -> str:
    """Return so many characters drawn by chance."""
    return "".join(secrets.choice(choices) for _ in range(length))


def to_boolean(astring: str | None) -> bool:
    """Tell whether a text means yes."""
    return astring is not None and astring.strip().lower() in _TRUE
