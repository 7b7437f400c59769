"""The rendered template fields, as the UI shows them: plain JSON, secrets hidden, cut to length."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from tradewind.sdk.masking import redact_value

_FIELD_LENGTH = 4_096
"""Characters of one field that are kept."""

_MAX_DEPTH = 8

_EMPTY: dict[type, Any] = {list: [], tuple: [], dict: {}}
"""How empty containers are shown: most tasks have nothing else in their fields."""


def rendered_fields(task: Any, names: Iterable[str]) -> bytes | None:
    """Return the values of a task's template fields, by name; None when it has none."""
    fields = {name: _shown(getattr(task, name, None), name) for name in names}
    return json.dumps(fields).encode() if fields else None


def _shown(value: Any, name: str) -> Any:
    if value is None:
        return None
    if not value and type(value) in _EMPTY:
        return _EMPTY[type(value)]
    plain = redact_value(_plain(value), name)
    text = plain if isinstance(plain, str) else json.dumps(plain)
    if len(text) <= _FIELD_LENGTH:
        return plain
    return f"{text[:_FIELD_LENGTH]}… (cut: {len(text)} characters)"


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON knows it; what JSON does not know as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in value.items()}
    if depth < _MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(v, depth + 1) for v in value]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    try:
        return str(value)
    except Exception:  # noqa: BLE001  __str__ is user code
        return f"<{type(value).__name__}>"
