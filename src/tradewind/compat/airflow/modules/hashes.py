"""`airflow.utils.hashlib_wrapper`."""

from __future__ import annotations

import hashlib
from typing import Any


def md5(data: bytes = b"", /) -> Any:
    """Return an MD5, for names and not for security."""
    return hashlib.md5(data, usedforsecurity=False)
