"""Which triggerers are connected, what each was given, and when it was last heard of.

A triggerer on this machine that dies is noticed at once, by its socket. One that stands still
(it was stopped, or its machine is out of memory) keeps its socket; it is found by its silence:
after a lease without a word what it was given goes to others, and it gets nothing new until it
speaks again.
"""

from __future__ import annotations

import msgspec

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId


class _Triggerer(msgspec.Struct):
    """heard_at: monotonic seconds of its latest word."""

    heard_at: float
    given: set[AttemptId]
    silent: bool = False


class Triggerers:
    """The triggerers that are connected."""

    def __init__(self, clock: Clock, lease_s: float) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._all: dict[str, _Triggerer] = {}

    def clear(self) -> None:
        """Forget all: at a take-over."""
        self._all.clear()

    def connected(self, peer_id: str) -> None:
        """Take note of a triggerer, new or known."""
        if peer_id not in self._all:
            self._all[peer_id] = _Triggerer(self._clock.monotonic(), set())
        self.heard(peer_id)

    def disconnected(self, peer_id: str) -> set[AttemptId]:
        """Forget a triggerer; return what it was given."""
        gone = self._all.pop(peer_id, None)
        return gone.given if gone is not None else set()

    def heard(self, peer_id: str) -> None:
        """Note a sign of life."""
        triggerer = self._all.get(peer_id)
        if triggerer is not None:
            triggerer.heard_at = self._clock.monotonic()
            triggerer.silent = False

    def give(self, peer_id: str, attempt_id: AttemptId) -> None:
        """Note that a triggerer was given a trigger."""
        triggerer = self._all.get(peer_id)
        if triggerer is not None:
            triggerer.given.add(attempt_id)

    def take(self, peer_id: str | None, attempt_id: AttemptId) -> None:
        """Note that a triggerer has a trigger no longer."""
        triggerer = self._all.get(peer_id) if peer_id is not None else None
        if triggerer is not None:
            triggerer.given.discard(attempt_id)

    def given(self, peer_id: str) -> frozenset[AttemptId]:
        """Return what a triggerer was given."""
        triggerer = self._all.get(peer_id)
        return frozenset(triggerer.given) if triggerer is not None else frozenset()

    def choose(self) -> str | None:
        """Return the triggerer that has fewest triggers; None when none can take one."""
        able = [(len(t.given), p) for p, t in self._all.items() if not t.silent]
        return min(able)[1] if able else None

    def speaking(self) -> list[str]:
        """Return those that have been heard of within a lease."""
        now = self._clock.monotonic()
        return [p for p, t in self._all.items() if now - t.heard_at <= self._lease_s]

    def silent(self) -> list[tuple[str, set[AttemptId]]]:
        """Return those that have been silent for a lease, each once, and what they had."""
        found: list[tuple[str, set[AttemptId]]] = []
        now = self._clock.monotonic()
        for peer_id, triggerer in self._all.items():
            if not triggerer.silent and now - triggerer.heard_at > self._lease_s:
                triggerer.silent = True
                given, triggerer.given = triggerer.given, set()
                found.append((peer_id, given))
        return found
