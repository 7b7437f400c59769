"""Labels: any text as a valid value."""

from __future__ import annotations

import hashlib
import re

_LONGEST_LABEL = 63
_VALID_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_INVALID = re.compile(r"[^A-Za-z0-9_.-]")


def label_value(text: str) -> str:
    """Return a valid label value for any text: itself, or a part of it with a hash."""
    if _VALID_LABEL.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:9]
    kept = _INVALID.sub("", text).strip("_.-")[: _LONGEST_LABEL - len(digest) - 1]
    return f"{kept}-{digest}" if kept else digest
