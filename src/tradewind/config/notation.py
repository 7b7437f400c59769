"""How settings are noted down in the sections: units and secrets."""

from __future__ import annotations

from typing import Any, TypeAlias

HOME = "$TRADEWIND_HOME"
"""Stands for the state folder."""
Seconds: TypeAlias = float
HOME = "$TRADEWIND_HOME"
"""Inside a value: the state folder."""
UNIT_S = {"unit": "s"}
SECRET: dict[str, Any] = {"secret": True}
"""A value that is shown to nobody."""
