"""`redact`: plain data with secrets hidden."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.masking import redact_value


def redact(value: Any, name: str | None = None, max_depth: int | None = None) -> Any:
    """Return a value with known secrets, and values under telling names, hidden."""
    del max_depth
    return redact_value(value, name or "")
