"""Names and labels of pods: from the attempt id alone, so that creating twice creates one."""

from __future__ import annotations

import base64
import hashlib

from tradewind.kube.labels import label_value
from tradewind.model.ids import AttemptId

PREFIX = "tradewind"
ATTEMPT = f"{PREFIX}/attempt"
FENCE = f"{PREFIX}/fence"
GROUP = f"{PREFIX}/group"
"""Which installation a pod belongs to: several may share a namespace."""

WARM = f"{PREFIX}/warm"
"""Of a warm pod, instead of an attempt: what its spec and key are, as a hash."""

_HASH_LENGTH = 52


def pod_name(attempt_id: AttemptId) -> str:
    """Return the name of an attempt's pod and of its Secret."""
    digest = base64.b32encode(hashlib.sha256(attempt_id.encode()).digest()).decode().lower()
    return f"ti-{digest[:_HASH_LENGTH]}"


def selector(group: str) -> str:
    """Return the label selector of an installation's pods."""
    return f"{GROUP}={label_value(group)}"
