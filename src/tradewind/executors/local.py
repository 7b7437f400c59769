"""LocalExecutor: tasks in forked processes on this machine.

The work is done by a supervisor, a process of its own that outlives the scheduler (see
`tradewind.worker`). This executor only hands launches to the supervisor that is connected
now and turns what becomes of supervisors into facts:

* a supervisor that reconnects says what it owns; nothing is adopted, nothing is lost;
* a new incarnation means that the old one died and took its attempts with it (they are
  killed by the kernel together with their parent), so those are gone at once;
* while no supervisor is connected, launches wait here; the attempt rows stay `queued`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, Self

from tradewind.executors.base import Fact, Gone, Refused, Wake
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import CancelAttempt, Hello, Launch


class Supervisors(Protocol):
    """The way to the supervisor of this host; the scheduler's channel implements it."""

    def send(self, peer_id: str, message: Launch | CancelAttempt) -> bool:
        """Send to a connected peer; False when it is not connected."""
        ...


class LocalExecutor:
    """Hand launches to this host's supervisor."""

    def __init__(self, supervisors: Supervisors, wake: Wake) -> None:
        self._supervisors = supervisors
        self._wake = wake
        self._peer: str | None = None
        self._waiting: dict[AttemptId, Launch] = {}
        self._owner: dict[AttemptId, str] = {}
        self._facts: list[Fact] = []

    def __enter__(self) -> Self:
        """Start: nothing to do, the supervisor comes to us."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop: the supervisor and its attempts go on."""

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Send the launches to the supervisor, or keep them until one connects."""
        for launch in launches:
            if self._peer is not None and self._supervisors.send(self._peer, launch):
                self._owner[launch.attempt_id] = self._peer
            else:
                self._waiting[launch.attempt_id] = launch
        return ()

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Return what supervisors' comings and goings have told.

        The full check also forgets attempts that nobody believes in any more.
        """
        if believed is not None:
            for attempt_id in self._owner.keys() - believed:
                del self._owner[attempt_id]
            for attempt_id in self._waiting.keys() - believed:
                del self._waiting[attempt_id]
        facts, self._facts = self._facts, []
        return facts

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Stop these attempts if they are here."""
        for attempt_id in attempts:
            self._waiting.pop(attempt_id, None)
            peer = self._owner.get(attempt_id, self._peer)
            if peer is not None:
                self._supervisors.send(
                    peer, CancelAttempt(attempt_id=attempt_id, reason="cancelled")
                )

    def troubles(self) -> Mapping[str, str]:
        """Say when there is no supervisor: launches wait for it."""
        if self._peer is not None:
            return {}
        return {"this host": "no worker is connected to the scheduler; tasks wait for it"}

    def connected(self, hello: Hello, claimed: AbstractSet[AttemptId]) -> None:
        """Take note of a supervisor that connected.

        Args:
            hello: its first message.
            claimed: the attempts that the scheduler believes to run on this executor.
        """
        owned = {r.attempt_id for r in hello.running}
        reborn = self._peer is not None and self._peer != hello.peer_id
        # A restarted scheduler does not know who owned what: whoever is claimed here and not
        # owned by the host's only supervisor has died with an earlier incarnation.
        for attempt_id in claimed - owned:
            if reborn or self._owner.get(attempt_id) != hello.peer_id:
                self._facts.append(
                    Gone(attempt_id=attempt_id, reason="the worker's supervisor died")
                )
        for attempt_id in [a for a, p in self._owner.items() if p != hello.peer_id]:
            del self._owner[attempt_id]
        self._peer = hello.peer_id
        for attempt_id in owned:
            self._owner[attempt_id] = hello.peer_id
        waiting, self._waiting = list(self._waiting.values()), {}
        self.submit(waiting)
        self._wake()

    def disconnected(self, peer_id: str) -> None:
        """Keep launches back until a supervisor is there again; its attempts go on."""
        if self._peer == peer_id:
            self._peer = None
