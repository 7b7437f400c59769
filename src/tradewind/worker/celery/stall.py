"""Does the broker still deliver to this worker? Decided from probes. Pure.

Now and then the worker publishes a probe to a queue of its own, and waits for it to come in the
way that tasks come. A probe that the broker took and that does not come back means that this
worker has silently stopped consuming. While every slot is taken it does not consume on purpose.

    take a probe … nothing comes for `stall_s` → RECONNECT … again nothing → EXIT
"""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What to do."""

    NOTHING = "nothing"
    RECONNECT = "reconnect"
    EXIT = "exit"


class Stall:
    """Keep count. Times: monotonic seconds."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._since: float | None = None
        self._reconnected = False

    def sent(self, now: float) -> None:
        """Take note that the broker took a probe."""
        if self._since is None:
            self._since = now

    def came(self) -> None:
        """Take note that a probe came."""
        self._since = None
        self._reconnected = False

    def verdict(self, now: float, *, full: bool) -> Verdict:
        """Return what to do now. full: every slot is taken."""
        if self._since is None:
            return Verdict.NOTHING
        if full:
            self._since = now
            return Verdict.NOTHING
        if now - self._since < self._stall_s:
            return Verdict.NOTHING
        if self._reconnected:
            return Verdict.EXIT
        self._reconnected = True
        self._since = now
        return Verdict.RECONNECT
