"""`macros` in templates."""

from __future__ import annotations

import json
import random  # noqa: TID251  user code's randomness is its own
import time
import uuid
from datetime import datetime, timedelta

import dateutil

__all__ = [
    "datetime",
    "dateutil",
    "ds_add",
    "ds_format",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
]


def ds_add(ds: str, days: int) -> str:
    """Return a date (YYYY-MM-DD) moved by days."""
    moved = datetime.strptime(ds, "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007  a date
    return moved.strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """Return a date in another format."""
    return datetime.strptime(ds, input_format).strftime(output_format)  # noqa: DTZ007
