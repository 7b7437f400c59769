"""The pods of a warm pool, as Kubernetes has them: which are made, and which go.

Pure but for keeping state, as the `Ledger` is: news and the time come in, orders and facts go out.

    made → waits → runs ─┬─ used again and again
                         └─ deleted: worn out, old, of other settings, or one too many

* The list is the truth, as for all pods; whoever takes over finds the pods and uses them.
* An attempt in a pod is gone when the pod has ended or is no more, and only then.
* Pods that end before they can be used are made again at growing intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from tradewind.executors.kubernetes.ledger import Keep
from tradewind.executors.kubernetes.naming import WARM
from tradewind.executors.kubernetes.outbox import Doing, Order, Outbox, Place
from tradewind.executors.kubernetes.warm.members import Member
from tradewind.executors.kubernetes.warm.orders import Call, HangUp, Make, MakeSecret, WarmOrder
from tradewind.kube.pods import Pod, Stage, Verdict, judge
from tradewind.model.ids import AttemptId

_LEADS_S = 30.0
"""Whoever has not looked for so long makes and replaces no pods: it may have been succeeded, by one
with other settings."""

_LOOKS = 2
"""Pods that have ended are deleted at the second look, so that their last words can be read."""

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_MOST_DOUBLINGS = 10
"""Before pods are made when those before could not be used."""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods are kept ready, and for how long.

    size: 0 is none. max_tasks, max_age_s: after these a pod is replaced. wait_s: how long an
    attempt waits for one before it gets a pod of its own.
    """

    size: int = 0
    max_tasks: int = 100
    max_age_s: float = 3600.0
    wait_s: float = 1.0


class Setbacks:
    """Pods that could not be used: why, and until when no more are made."""

    def __init__(self) -> None:
        self.reason = ""
        self.until = float("-inf")
        self._count = 0

    def note(self, reason: str, now: float) -> None:
        """Take note of one; each makes the pause longer."""
        self.reason = reason
        self.until = now + min(_FIRST_PAUSE_S * 2**self._count, _LONGEST_PAUSE_S)
        self._count = min(self._count + 1, _MOST_DOUBLINGS)

    def end(self) -> None:
        """Take note of a pod that could be used."""
        self.reason, self._count = "", 0


class Stock:
    """The pods that there are, and that there should be."""

    def __init__(
        self,
        warmth: Warmth,
        keep: Keep,
        namespace: str,
        fingerprint: str,
        new_name: Callable[[], str],
        outbox: Outbox,
    ) -> None:
        self.members: dict[str, Member] = {}
        self.orders: list[WarmOrder] = []
        self._warmth = warmth
        self._keep = keep
        self._namespace = namespace
        self._fingerprint = fingerprint
        self._new_name = new_name
        self._outbox = outbox
        self._leads_until = float("-inf")
        self._setbacks = Setbacks()

    @property
    def trouble(self) -> str:
        """Return why there are no pods that should be there; empty when all is well."""
        return self._setbacks.reason

    def created(self, name: str, uid: str, tick: int) -> None:
        """Take note that a pod was made. tick: as of `Ledger.tick`."""
        member = self.members.get(name)
        if member is not None:
            member.uid, member.created_at_tick = member.uid or uid, tick

    def refused(self, name: str, reason: str, now: float) -> None:
        """Take note that a pod, or its Secret, can not be made."""
        self._setbacks.note(reason, now)
        member = self.members.get(name)
        if member is not None and member.uid:
            self.delete(member)
        elif member is not None:
            self._vanished(member, None, now)

    def seen(self, pod: Pod, now: float) -> None:
        """Take note of a pod as it is now."""
        name = pod.metadata.name
        member = self.members.get(name)
        if member is None:
            place = Place(pod.metadata.namespace, name)
            member = self.members[name] = Member(place=place, since=now)
            # Whoever made it may have died before it made the Secret.
            self.orders.append(MakeSecret(name, pod.metadata.uid))
        member.uid = pod.metadata.uid
        member.current = pod.metadata.labels.get(WARM) == self._fingerprint
        member.deleting = member.deleting or pod.metadata.deletion_timestamp is not None
        verdict = judge(pod)
        if member.over or (verdict == member.verdict and pod.status.pod_ip == member.address):
            return
        member.verdict, member.address = verdict, pod.status.pod_ip
        if verdict.stage is Stage.ENDED:
            self._ended(member, verdict, now)
        elif verdict.stage is Stage.RUNS and member.address:
            self.orders.append(Call(name, member.address))

    def removed(self, pod: Pod, now: float) -> None:
        """Take note that a pod is no more."""
        member = self.members.get(pod.metadata.name)
        if member is not None and member.uid in {"", pod.metadata.uid}:
            self._vanished(member, judge(pod), now)

    def listed(self, namespace: str, pods: Iterable[Pod], since: int, now: float) -> None:
        """Take a whole list of a namespace's warm pods as the truth; see `Ledger.listed`."""
        there = set()
        for pod in pods:
            there.add(pod.metadata.name)
            self.seen(pod, now)
        for member in list(self.members.values()):
            known = member.uid and member.created_at_tick <= since
            if known and member.place.namespace == namespace and member.place.name not in there:
                self._vanished(member, member.verdict, now)

    def look(self, now: float) -> None:
        """Make what is missing and delete what is not wanted; this scheduler leads."""
        self._leads_until = now + _LEADS_S
        for member in list(self.members.values()):
            if member.over:
                member.strikes += 1
                if member.strikes >= _LOOKS and not member.stays(self._keep):
                    self.delete(member)
            elif member.lease is None:
                self._give_up(member, now)
                self.retire(member, now)
        self._fill(now)

    def usable(self, member: Member) -> None:
        """Take note that a pod could be used."""
        self._setbacks.end()
        member.heard = True

    def retire(self, member: Member, now: float) -> None:
        """Delete a pod if it is free and should not be used any more."""
        if member.lease is not None or not member.heard or now > self._leads_until:
            return
        worn = member.served >= self._warmth.max_tasks
        old = now - member.born_at >= self._warmth.max_age_s
        if worn or old or not member.current or self._count() > self._warmth.size:
            self.delete(member)
            self._fill(now)

    def delete(self, member: Member) -> None:
        """Delete a pod, once."""
        if not member.deleting:
            member.deleting = member.by_us = True
            attempt_id = member.lease.attempt_id if member.lease is not None else AttemptId("")
            self._outbox.order(Order(Doing.DELETE, attempt_id, member.place, member.uid))

    def _count(self) -> int:
        return sum(m.current and not m.deleting and not m.over for m in self.members.values())

    def _give_up(self, member: Member, now: float) -> None:
        waits = member.verdict is None or member.verdict.stage is Stage.WAITS
        late = now - member.since >= self._keep.pending_timeout_s
        if waits and late and member.uid and not member.deleting:
            why = member.verdict.reason if member.verdict is not None else ""
            self._setbacks.note(f"a warm pod did not start: {why or 'no reason given'}", now)
            self.delete(member)

    def _fill(self, now: float) -> None:
        if now > self._leads_until or now < self._setbacks.until:
            return
        for _ in range(self._warmth.size - self._count()):
            name = self._new_name()
            self.members[name] = Member(place=Place(self._namespace, name), since=now)
            self.orders.append(Make(name))

    def _ended(self, member: Member, verdict: Verdict, now: float) -> None:
        member.over = True
        self.orders.append(HangUp(member.place.name))
        if not member.served and not member.deleting and verdict.exit_code != 0:
            self._setbacks.note(f"a warm pod ended before it was used: {verdict.reason}", now)
        lease, member.lease = member.lease, None
        if lease is not None:
            explain = Order(
                Doing.EXPLAIN, lease.attempt_id, member.place, member.uid, verdict, lease.launch
            )
            self._outbox.order(explain)
        elif not member.stays(self._keep):
            self.delete(member)
        self._fill(now)

    def _vanished(self, member: Member, last: Verdict | None, now: float) -> None:
        self.members.pop(member.place.name, None)
        self.orders.append(HangUp(member.place.name))
        if member.lease is not None:
            lost = "is gone: its node was lost, or somebody deleted it"
            reason = f"its warm pod {'was deleted' if member.by_us else lost}"
            if last is not None and last.stage is Stage.ENDED and last.reason:
                reason = last.reason
            gone = Verdict(Stage.ENDED, reason, started=True)
            self._outbox.gone(member.lease.attempt_id, gone)
        self._fill(now)
