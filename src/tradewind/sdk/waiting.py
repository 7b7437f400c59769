"""How sensors tell the time and wait: a clock that can also let time pass."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Protocol

from tradewind.clock import SystemClock


class Waiter(Protocol):
    """Tell the time, and wait."""

    def now(self) -> datetime:
        """Return the wall-clock time as an aware UTC datetime."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    def wait(self, seconds: float) -> None:
        """Return after this time."""
        ...

    async def pause(self, seconds: float) -> None:
        """Return after this time, in async code."""
        ...


class SystemWaiter(SystemClock):
    """The machine's time."""

    def wait(self, seconds: float) -> None:
        """Return after this time; a signal's handler may raise out of it."""
        if seconds > 0:
            threading.Event().wait(seconds)

    async def pause(self, seconds: float) -> None:
        """Return after this time, in async code."""
        import asyncio  # noqa: PLC0415  its import costs as much as the rest of the SDK

        await asyncio.sleep(seconds)
