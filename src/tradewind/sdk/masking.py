"""Keep secrets out of what is shown.

The supervisor masks an attempt's log by value; here the same values are kept in the attempt's
own process, because rendered fields and error texts are cut to length, and a secret must be
hidden before it is cut. Values under a telling name ("password", "api_key", …) are hidden
whatever they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.model.telling import SHOWN, is_telling
from tradewind.sdk import runtime

_MIN_LENGTH = 4
"""Hiding shorter values would hide half of every text."""

_MAX_DEPTH = 12

_secrets: set[str] = set()


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Hide a value in logs, rendered fields and errors from now on.

    Args:
        secret: a string, or a container: of a mapping the values under telling names, of other
            containers every item.
        name: what the value is called; with a name that tells nothing, strings are left alone.
    """
    if isinstance(secret, Mapping):
        for key, value in secret.items():
            mask_secret(value, str(key))
    elif isinstance(secret, list | tuple | set | frozenset):
        for item in secret:
            mask_secret(item, name)
    elif isinstance(secret, str) and (name is None or is_telling(name)):
        _hide(secret)


def _hide(secret: str) -> None:
    if len(secret) < _MIN_LENGTH or secret in _secrets:
        return
    _secrets.add(secret)
    current = runtime.current()
    if current is not None:
        current.mask(secret)


def redact(text: str) -> str:
    """Return a text with every known secret hidden."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, SHOWN)
    return text


def redact_value(value: Any, name: str = "", depth: int = 0) -> Any:
    """Return plain data with known secrets, and values under telling names, hidden."""
    if isinstance(value, str):
        return SHOWN if value and name and is_telling(name) else redact(value)
    if depth >= _MAX_DEPTH:
        return redact(str(value))
    if isinstance(value, Mapping):
        return {k: redact_value(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(v, name, depth + 1) for v in value]
    return value
