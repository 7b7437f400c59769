"""Seeded faults at every port of the scheduler, and a database that has them.

Randomness comes in named streams: a draw more in one place does not change what happens in
the others, so that a failing seed stays failing while its cause is looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random  # noqa: TID251 (a seeded generator is what a simulation is made of)

from sqlalchemy import Connection, Engine

from tradewind.errors import Unavailable
from tradewind.store.connect import Database

KINDS = (
    "crash",
    "pause",
    "unavailable",
    "lost_reply",
    "cut",
    "delay",
    "lose",
    "duplicate",
    "worker_crash",
    "triggerer_crash",
)
"""What can go wrong. crash and pause strike at any port call of a scheduler; unavailable is a
transaction that fails, lost_reply one that commits and seems to fail; cut ends a connection
with what is on its way; lose and duplicate are about launches and messages of a far executor."""

RATES = {
    "crash": 0.004,
    "pause": 0.004,
    "unavailable": 0.01,
    "lost_reply": 0.02,
    "cut": 0.02,
    "delay": 0.15,
    "lose": 0.25,
    "duplicate": 0.25,
}
"""How likely each is, at each call that it can strike."""


class Streams:
    """Random generators by name, all from one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, Random] = {}

    def __call__(self, name: str) -> Random:
        """Return the generator of this name."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self._seed}/{name}")  # noqa: S311
        return self._streams[name]


class Crashed(BaseException):
    """The process that was running has died: nothing of it may go on."""


class Faults:
    """Which kinds strike in this seed, and how often they did. `heal` ends them all."""

    def __init__(self, streams: Streams, counts: Counter[str]) -> None:
        chooser = streams("which faults")
        self.kinds = frozenset(chooser.sample(KINDS, chooser.randint(2, 6)))
        self.counts = counts
        self._streams = streams
        self._healed = False

    def strikes(self, kind: str, where: str) -> bool:
        """Draw whether a fault of this kind strikes here and now."""
        if self._healed or kind not in self.kinds:
            return False
        struck = self._streams(f"{kind} at {where}").random() < RATES[kind]
        if struck:
            self.counts[kind] += 1
        return struck

    def heal(self) -> None:
        """Let everything go well from now on."""
        self._healed = True


class SimDatabase(Database):
    """A scheduler's connection to the database, with faults before and after each transaction.

    pause: lets the rest of the world go on for longer than a lease, while this process stands
    still in the middle of what it does.
    """

    def __init__(
        self, engine: Engine, path: Path, faults: Faults, pause: Callable[[], None]
    ) -> None:
        super().__init__(engine, path)
        self._faults = faults
        self._pause = pause

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read, or fail."""
        self._before("read")
        with super().read() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write, or fail before it, or after it."""
        self._before("write")
        with super().write() as conn:
            yield conn
        self.strike("after a write")
        if self._faults.strikes("lost_reply", "write"):
            raise Unavailable("the connection was lost during COMMIT")

    def strike(self, where: str) -> None:
        """Crash or pause here, if that is what is drawn."""
        if self._faults.strikes("crash", where):
            raise Crashed
        if self._faults.strikes("pause", where):
            self._pause()

    def _before(self, what: str) -> None:
        self.strike(f"before a {what}")
        if self._faults.strikes("unavailable", what):
            raise Unavailable("the database cannot be reached")
