"""Which values of a reply are secret, so that the log never shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tradewind.sdk.masking import is_telling
from tradewind.wire.messages import Call, GetConnection, GetVariable


def secrets_of(call: Call, body: dict[str, Any]) -> Iterator[str]:
    """Yield the secret values in the reply to a call."""
    if isinstance(call, GetVariable):
        value = body.get("value")
        if isinstance(value, str):
            if is_telling(call.key):
                yield value
            yield from _in_json(value)
    elif isinstance(call, GetConnection):
        if body.get("password"):
            yield str(body["password"])
        if isinstance(body.get("extra"), str):
            yield from _in_json(body["extra"])


def _in_json(text: str) -> Iterator[str]:
    if text[:1] not in {"{", "["}:
        return
    try:
        yield from _walk(msgspec.json.decode(text.encode()), hidden=False)
    except msgspec.DecodeError:
        return


def _walk(value: Any, *, hidden: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, hidden=hidden or is_telling(str(name)))
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, hidden=hidden)
    elif hidden and isinstance(value, str):
        yield value
