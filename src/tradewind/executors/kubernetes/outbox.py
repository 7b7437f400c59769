"""What a ledger has to say: facts for the scheduler, orders for the API server."""

from __future__ import annotations

from enum import Enum

import msgspec

from tradewind.executors.base import Fact, Gone, Pending, Refused
from tradewind.kube.pods import Verdict
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch


class Place(msgspec.Struct, frozen=True):
    """Where a pod is."""

    namespace: str
    name: str


class Doing(Enum):
    """What to do with a pod."""

    DELETE = "delete"
    EXPLAIN = "explain"
    """Write what Kubernetes knows into the task's log, then `Ledger.explained`."""


class Order(msgspec.Struct, frozen=True):
    """Something to ask of the API server.

    uid: of the pod that is meant; "" when unknown. launch: whose log it is, when the pod itself
    does not say.
    """

    doing: Doing
    attempt_id: AttemptId
    place: Place
    uid: str = ""
    verdict: Verdict | None = None
    launch: Launch | None = None


class Outbox:
    """Facts and orders that nobody has taken yet."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._orders: list[Order] = []

    def order(self, order: Order) -> None:
        """Ask for something."""
        self._orders.append(order)

    def pending(self, attempt_id: AttemptId, reason: str, *, in_turn: bool = False) -> None:
        """Tell why an attempt waits; in_turn: nothing is wrong with it, others are before it."""
        self._facts.append(Pending(attempt_id=attempt_id, reason=reason, in_turn=in_turn))

    def refused(self, attempt_id: AttemptId, reason: str) -> None:
        """Tell that there will never be a pod, and why."""
        self._facts.append(Refused(attempt_id, reason, permanent=True))

    def gone(self, attempt_id: AttemptId, verdict: Verdict) -> None:
        """Tell that an attempt is gone, as its pod's last verdict says."""
        self._facts.append(
            Gone(
                attempt_id=attempt_id,
                reason=verdict.reason,
                before_start=not verdict.started,
                exit_code=verdict.exit_code,
                exit_signal=verdict.exit_signal,
            )
        )

    def take_facts(self) -> list[Fact]:
        """Return the facts since the last call."""
        facts, self._facts = self._facts, []
        return facts

    def take_orders(self) -> list[Order]:
        """Return the orders since the last call."""
        orders, self._orders = self._orders, []
        return orders

    def has_facts(self) -> bool:
        """Tell whether there is something to tell."""
        return bool(self._facts)
