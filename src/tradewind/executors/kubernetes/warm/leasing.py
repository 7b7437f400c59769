"""Which attempt gets which warm pod.

Pure but for keeping state, as the `Ledger` is: news and the time come in, orders and facts go out.

* A lease is a hint, the claim decides: a ticket may be given twice, to two pods, or by two
  schedulers, and its attempt starts once. So leases live in memory alone.
* How a pod stands is what it says itself. After a take-over, or when the connection broke, it is
  asked; a ticket that it did not take is given again.
* A broken connection is no evidence of anything.
* An attempt that has waited long enough gets a pod of its own.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from tradewind.executors.kubernetes.outbox import Outbox
from tradewind.executors.kubernetes.warm.members import Lease, Member
from tradewind.executors.kubernetes.warm.orders import Say
from tradewind.executors.kubernetes.warm.stock import Stock
from tradewind.executors.kubernetes.warm.waiting import Waiting
from tradewind.kube.pods import Stage, Verdict
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import CancelAttempt, Launch
from tradewind.wire.remote import Ticket, TicketDone
from tradewind.wire.warm import FromPod, Hold, Standing, ToPod, TurnedDown

_LOOKS_TO_STOP = 2
_LOOKS_TO_DELETE = 12
"""At so many looks in a row that find nobody believing in its attempt, a pod is told to stop it,
and is deleted."""


class Leasing:
    """Attempts that wait for warm pods, and that have one."""

    def __init__(self, stock: Stock, waiting: Waiting, outbox: Outbox) -> None:
        self._stock = stock
        self._waiting = waiting
        self._outbox = outbox

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether an attempt waits for a pod here, or has one."""
        return attempt_id in self._waiting or self._member_of(attempt_id) is not None

    def want(self, launch: Launch, now: float) -> None:
        """Give an attempt a pod, now or when one is free."""
        if launch.attempt_id not in self:
            self._waiting.add(launch, now)
            self._give()

    def cancel(self, attempt_id: AttemptId) -> None:
        """Stop an attempt that is here."""
        if self._waiting.drop(attempt_id):
            self._outbox.gone(attempt_id, Verdict(Stage.ENDED, "cancelled"))
            return
        member = self._member_of(attempt_id)
        if member is None or member.lease is None:
            return
        member.lease.stopped = True
        if member.heard:
            self._say(member, CancelAttempt(attempt_id=attempt_id, reason="cancelled"))
        else:
            self._stock.delete(member)

    def heard(self, name: str, message: FromPod, now: float) -> None:
        """Take what a pod says."""
        member = self._stock.members.get(name)
        if member is None:
            return
        match message:
            case Standing():
                self._stands(member, message, now)
            case TicketDone(attempt_id=attempt_id):
                lease = _end_lease(member, attempt_id)
                if lease is not None and lease.stopped:
                    self._outbox.gone(attempt_id, Verdict(Stage.ENDED, "it was stopped"))
            case TurnedDown(attempt_id=attempt_id):
                self._again(_end_lease(member, attempt_id))
                member.heard = False  # until it says how it stands
                self._say(member, Hold())
        self._stock.retire(member, now)
        self._give()

    def cut_off(self, name: str) -> None:
        """Take note that a pod cannot be spoken to for now."""
        member = self._stock.members.get(name)
        if member is not None:
            member.heard = False

    def believe(self, believed: AbstractSet[AttemptId]) -> None:
        """Compare with what the scheduler believes."""
        self._waiting.keep(believed)
        for member in self._stock.members.values():
            if member.lease is not None:
                self._doubt(member, member.lease.attempt_id, believed)
        self._give()

    def _give(self) -> None:
        if not self._waiting:
            return
        free = [member for member in self._stock.members.values() if member.free]
        while free and self._waiting:
            launch, since = self._waiting.take()
            file = launch.assignment.dag_file
            member = next((m for m in free if m.dag_file == file), free[-1])
            free.remove(member)
            member.lease = Lease(attempt_id=launch.attempt_id, launch=launch, since=since)
            member.dag_file = file
            ticket = Ticket(attempt_id=launch.attempt_id, claim_token=launch.claim_token)
            self._say(member, ticket)

    def _stands(self, member: Member, standing: Standing, now: float) -> None:
        self._stock.usable(member)
        member.ending, member.served = standing.ending, standing.served
        member.born_at = now - standing.age_s
        lease = member.lease
        if lease is not None and lease.attempt_id != standing.running:
            # The ticket was lost on its way; or all is over, and a second claim is refused.
            self._again(_end_lease(member, lease.attempt_id))
        if standing.running is not None and member.lease is None:
            member.lease = Lease(attempt_id=standing.running, launch=None, since=now)

    def _again(self, lease: Lease | None) -> None:
        if lease is not None and lease.launch is not None and not lease.stopped:
            self._waiting.add(lease.launch, lease.since)

    def _doubt(
        self, member: Member, attempt_id: AttemptId, believed: AbstractSet[AttemptId]
    ) -> None:
        member.strikes = 0 if attempt_id in believed else member.strikes + 1
        if member.strikes == _LOOKS_TO_STOP:
            self.cancel(attempt_id)
        elif member.strikes >= _LOOKS_TO_DELETE:
            self._stock.delete(member)

    def _member_of(self, attempt_id: AttemptId) -> Member | None:
        for member in self._stock.members.values():
            if member.lease is not None and member.lease.attempt_id == attempt_id:
                return member
        return None

    def _say(self, member: Member, message: ToPod) -> None:
        self._stock.orders.append(Say(member.place.name, message))


def _end_lease(member: Member, attempt_id: AttemptId) -> Lease | None:
    lease = member.lease
    if lease is None or lease.attempt_id != attempt_id:
        return None
    member.lease, member.strikes = None, 0
    return lease
