"""`airflow.stats.Stats`: DAG files may count and time; the figures go nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Stats:
    """Takes every figure and keeps none."""

    def incr(self, stat: str, count: int = 1, rate: float = 1, **_more: Any) -> None:
        """Take an increase."""

    def decr(self, stat: str, count: int = 1, rate: float = 1, **_more: Any) -> None:
        """Take a decrease."""

    def gauge(self, stat: str, value: float, rate: float = 1, **_more: Any) -> None:
        """Take a value."""

    def timing(self, stat: str, dt: Any, **_more: Any) -> None:
        """Take a duration."""

    @contextmanager
    def timer(self, stat: str = "", **_more: Any) -> Iterator[None]:
        """Time a block."""
        del stat
        yield


Stats = _Stats()
