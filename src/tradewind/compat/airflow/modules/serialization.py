"""`airflow.serialization.serde` and the JSON classes for XComs."""

from __future__ import annotations

import json
from typing import Any

from tradewind.sdk import serde


def serialize(value: Any, depth: int = 0) -> Any:
    """Return a value as plain data."""
    del depth
    return json.loads(serde.dumps(value))


def deserialize(data: Any, full: bool = True, type_hint: Any = None) -> Any:
    """Return the value of what `serialize` returned."""
    del full, type_hint
    return serde.loads(json.dumps(data))


class XComEncoder(json.JSONEncoder):
    """Write what JSON does not know as `serialize` does."""

    def default(self, o: Any) -> Any:
        """Return plain data for a value."""
        return serialize(o)


class XComDecoder(json.JSONDecoder):
    """Read what `XComEncoder` wrote."""

    def decode(self, s: str, *args: Any) -> Any:
        """Return the value of a text."""
        del args
        return serde.loads(s)
