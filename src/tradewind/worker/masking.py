"""Secrets in logs: which values are secret, and how they are found and replaced.

Masking is by value and happens in the supervisor, before anything is stored. A secret is also
found URL-encoded, in base64 (at any position within a longer encoded text), escaped as in JSON
and in Python literals, and, when it has several lines, line by line.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from tradewind.model.telling import is_telling
from tradewind.wire.messages import Call, GetConnection, GetVariable, Mask, SetVariable

MASK = "***"

SHORTEST_SECRET = 4
"""Shorter values would blot out half of the log, and so tell what they are."""

_SHORTEST_LINE = 8
"""Of a secret with several lines, lines shorter than this are no secrets."""

_SHORTEST_BASE64 = 6


class Masker:
    """Replace known secrets in text."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0
        """Length of the longest form: no secret reaches further across a cut."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to mask."""
        return bool(self._forms)

    def add(self, secret: str) -> None:
        """Hide a value from now on."""
        secret = secret.strip()
        if len(secret) < SHORTEST_SECRET:
            return
        parts = [secret]
        if "\n" in secret:
            lines = (line.strip() for line in secret.splitlines())
            parts += [line for line in lines if len(line) >= _SHORTEST_LINE]
        for part in parts:
            self._forms.update(_forms(part))
        # Longest first: a secret that contains another is hidden whole.
        ordered = sorted(self._forms, key=len, reverse=True)
        self.longest = len(ordered[0])
        self._pattern = re.compile("|".join(re.escape(form) for form in ordered))

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def value(self, value: Any) -> Any:
        """Return a JSON-like value without secrets in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def json(self, data: bytes) -> bytes:
        """Return JSON text without secrets in its strings."""
        if self._pattern is None:
            return data
        return msgspec.json.encode(self.value(msgspec.json.decode(data)))

    def learn(self, call: Call, body: dict[str, Any]) -> None:
        """Hide what a call and its answer show to be secret."""
        for secret in self._secrets_of(call, body):
            self.add(secret)

    def _secrets_of(self, call: Call, body: dict[str, Any]) -> Iterator[str]:
        if isinstance(call, Mask):
            yield call.secret
        elif isinstance(call, SetVariable):
            yield from self._of_variable(call.key, call.value)
        elif isinstance(call, GetVariable):
            yield from self._of_variable(call.key, body.get("value"))
        elif isinstance(call, GetConnection):
            if body.get("password"):
                yield str(body["password"])
            yield from self._in_json(body.get("extra"))

    def _of_variable(self, key: str, value: Any) -> Iterator[str]:
        if isinstance(value, str):
            if is_telling(key):
                yield value
            yield from self._in_json(value, hidden=is_telling(key))

    def _in_json(self, text: Any, *, hidden: bool = False) -> Iterator[str]:
        if isinstance(text, str) and text.lstrip()[:1] in {"{", "["}:
            try:
                value = msgspec.json.decode(text)
            except msgspec.DecodeError:
                return
            yield from self._walk(value, hidden=hidden)

    def _walk(self, value: Any, *, hidden: bool) -> Iterator[str]:
        if isinstance(value, dict):
            for name, item in value.items():
                yield from self._walk(item, hidden=hidden or is_telling(str(name)))
        elif isinstance(value, list):
            for item in value:
                yield from self._walk(item, hidden=hidden)
        elif isinstance(value, str):
            if hidden:
                yield value
            yield from self._in_json(value, hidden=hidden)


def _forms(secret: str) -> Iterator[str]:
    escaped = json.dumps(secret)[1:-1]
    unicode = json.dumps(secret, ensure_ascii=False)[1:-1]
    yield from (secret, escaped, unicode, json.dumps(escaped)[1:-1], repr(secret)[1:-1])
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    raw = secret.encode("utf-8", "backslashreplace")
    for before in range(3):
        # The characters that depend on nothing but the secret, whatever surrounds it.
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        inside = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(inside) >= _SHORTEST_BASE64:
            yield inside
            yield inside.replace("+", "-").replace("/", "_")
