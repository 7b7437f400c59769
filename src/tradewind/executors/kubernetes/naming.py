"""Names and labels of pods: from the attempt id alone, so that creating twice creates one."""

from __future__ import annotations

import base64
import hashlib
import re

from tradewind.model.ids import AttemptId

PREFIX = "tradewind"
ATTEMPT = f"{PREFIX}/attempt"
FENCE = f"{PREFIX}/fence"
GROUP = f"{PREFIX}/group"
"""Which installation a pod belongs to: several may share a namespace."""

WARM = f"{PREFIX}/warm"
"""Of a warm pod, instead of an attempt: what its spec and key are, as a hash."""

_LONGEST_LABEL = 63
_HASH_LENGTH = 52
_VALID_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_INVALID = re.compile(r"[^A-Za-z0-9_.-]")


def pod_name(attempt_id: AttemptId) -> str:
    """Return the name of an attempt's pod and of its Secret."""
    digest = base64.b32encode(hashlib.sha256(attempt_id.encode()).digest()).decode().lower()
    return f"ti-{digest[:_HASH_LENGTH]}"


def label_value(text: str) -> str:
    """Return a valid label value for any text: itself, or a part of it with a hash."""
    if _VALID_LABEL.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:9]
    kept = _INVALID.sub("", text).strip("_.-")[: _LONGEST_LABEL - len(digest) - 1]
    return f"{kept}-{digest}" if kept else digest


def selector(group: str) -> str:
    """Return the label selector of an installation's pods."""
    return f"{GROUP}={label_value(group)}"
