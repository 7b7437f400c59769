"""What an executor knows of its attempts' pods, and what follows from it.

Pure but for keeping state: no clock, no requests. Events come in; facts and orders go to the
`outbox`.

The rules:

* what the API server lists is the truth; events of a watch only bring it sooner, and may come
  late, twice or not at all;
* an attempt is gone only when its pod has ended, or was there and is not any more. A pod that was
  never seen is no evidence: its create may still be on its way, and is submitted again when due;
* a pod of nobody's (its attempt is not believed in, at two looks in a row) is deleted;
* whoever takes over knows nothing and needs to know nothing: the first list tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import msgspec

from tradewind.executors.kubernetes.naming import ATTEMPT
from tradewind.executors.kubernetes.outbox import Doing, Order, Outbox, Place
from tradewind.kube.pods import Pod, Stage, Verdict, judge
from tradewind.model.ids import AttemptId
from tradewind.wire.remote import NOT_OURS


class Keep(msgspec.Struct, frozen=True):
    """Which pods stay after their end. pending_timeout_s: for how long a pod may wait."""

    succeeded: bool = False
    failed: bool = True
    pending_timeout_s: float = 300.0


class _Entry(msgspec.Struct):
    """An attempt that has or will have a pod.

    created_at_tick: when its create was answered; -1: not yet, as far as we know.
    ending: its end was taken note of; nothing more is told about it.
    deleting: it is being deleted; by_us: because we ask for it.
    """

    attempt_id: AttemptId
    place: Place
    uid: str = ""
    created_at_tick: int = -1
    verdict: Verdict | None = None
    ending: bool = False
    deleting: bool = False
    by_us: bool = False
    strikes: int = 0

    def stays(self, keep: Keep) -> bool:
        """Tell whether its pod stays after its end."""
        well = self.verdict is not None and self.verdict.exit_code == 0
        return keep.succeeded if well else keep.failed


class Ledger:
    """Attempts and their pods."""

    def __init__(self, keep: Keep) -> None:
        self.outbox = Outbox()
        self.tick = 0
        """A mark in time: pods that were created up to it must be in a list begun after it."""
        self._keep = keep
        self._entries: dict[AttemptId, _Entry] = {}
        self._waiting: dict[AttemptId, float] = {}
        """Since when pods wait, the longest first."""
        self._unsettled: set[AttemptId] = set()
        """Pods that had ended when they were first seen."""

    def __len__(self) -> int:
        """Return how many attempts have or will have a pod."""
        return len(self._entries)

    @property
    def seen_count(self) -> int:
        """Return how many of them have a pod that was shown."""
        return sum(1 for entry in self._entries.values() if entry.uid and entry.verdict is not None)

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether an attempt has or will have a pod."""
        return attempt_id in self._entries

    # ---- what is wanted ----------------------------------------------------------------------

    def want(self, attempt_id: AttemptId, place: Place) -> bool:
        """Take note of a launch; True when a pod must be created for it."""
        if attempt_id in self._entries:
            return False
        self._entries[attempt_id] = _Entry(attempt_id=attempt_id, place=place)
        return True

    def wanted(self, attempt_id: AttemptId) -> bool:
        """Tell whether a pod should still be created."""
        entry = self._entries.get(attempt_id)
        return entry is not None and not entry.deleting and not entry.ending

    def cancel(self, attempt_id: AttemptId) -> None:
        """Stop an attempt: its pod is deleted, and told as gone once it is."""
        entry = self._entries.get(attempt_id)
        if entry is None:
            return
        if entry.uid:
            _delete(entry, self.outbox)
            return
        # Its create may be on its way: what comes of it is nobody's and is swept.
        self._forget(attempt_id)
        self.outbox.gone(attempt_id, Verdict(Stage.ENDED, "cancelled"))

    # ---- what became of it -------------------------------------------------------------------

    def created(self, attempt_id: AttemptId, place: Place, uid: str, now: float) -> bool:
        """Take note that the API server made the pod; False when nobody wants it any more."""
        entry = self._entries.get(attempt_id)
        if entry is None:
            self.outbox.order(Order(Doing.DELETE, attempt_id, place, uid))
            return False
        self.tick += 1
        entry.created_at_tick = self.tick
        entry.uid = entry.uid or uid
        if entry.verdict is None:
            self._waiting.setdefault(attempt_id, now)
        return True

    def refused(self, attempt_id: AttemptId, reason: str) -> None:
        """Take note that there will never be a pod, and why."""
        entry = self._entries.get(attempt_id)
        if entry is not None and entry.uid:
            _delete(entry, self.outbox)
        self._forget(attempt_id)
        self.outbox.refused(attempt_id, reason)

    def seen(self, pod: Pod, now: float) -> None:
        """Take note of a pod as it is now."""
        attempt_id = attempt_of(pod)
        if attempt_id is None:
            return
        entry = self._entries.get(attempt_id)
        first = entry is None
        if entry is None:
            place = Place(pod.metadata.namespace, pod.metadata.name)
            entry = self._entries[attempt_id] = _Entry(attempt_id=attempt_id, place=place)
        entry.uid = pod.metadata.uid
        if pod.metadata.deletion_timestamp is not None:
            entry.deleting = True
        verdict = judge(pod)
        if entry.ending or verdict == entry.verdict:
            return
        entry.verdict = verdict
        if verdict.stage is Stage.WAITS:
            self._waiting.setdefault(attempt_id, now)
        else:
            self._waiting.pop(attempt_id, None)
        if verdict.stage is not Stage.ENDED:
            if verdict.reason:
                self.outbox.pending(attempt_id, verdict.reason)
        elif first:
            self._unsettled.add(attempt_id)
        else:
            self._ended(entry, verdict)

    def removed(self, pod: Pod) -> None:
        """Take note that a pod is no more; its last state came with the news."""
        attempt_id = attempt_of(pod)
        entry = self._entries.get(attempt_id) if attempt_id is not None else None
        if entry is not None and entry.uid in {"", pod.metadata.uid}:
            entry.verdict = judge(pod)
            self._vanished(entry)

    def listed(self, namespace: str, pods: Iterable[Pod], since: int, now: float) -> None:
        """Take a whole list of a namespace's pods as the truth.

        Args:
            namespace: the list's.
            pods: its pods.
            since: `tick` from before the list was asked for.
            now: monotonic seconds.
        """
        there: set[AttemptId | None] = set()
        for pod in pods:
            there.add(attempt_of(pod))
            self.seen(pod, now)
        for entry in list(self._entries.values()):
            known = entry.uid and entry.created_at_tick <= since
            if known and entry.place.namespace == namespace and entry.attempt_id not in there:
                self._vanished(entry)

    def explained(self, order: Order) -> None:
        """Take note that the log has what there is to say: tell of the end and clear up."""
        verdict = order.verdict
        if verdict is None:
            return
        self.outbox.gone(order.attempt_id, verdict)
        entry = self._entries.get(order.attempt_id)
        if entry is not None and (verdict.stage is Stage.WAITS or not entry.stays(self._keep)):
            _delete(entry, self.outbox)

    # ---- what the scheduler believes ---------------------------------------------------------

    def believe(self, believed: AbstractSet[AttemptId], now: float) -> None:
        """Compare with what the scheduler believes; look for what waits too long."""
        for attempt_id in self._unsettled & self._entries.keys():
            entry = self._entries[attempt_id]
            if attempt_id in believed and entry.verdict is not None:
                self._ended(entry, entry.verdict)
            else:
                entry.ending = True
                if not entry.stays(self._keep):
                    _delete(entry, self.outbox)
        self._unsettled.clear()
        for attempt_id in self._entries.keys() - believed:
            entry = self._entries[attempt_id]
            entry.strikes += 1
            if not entry.uid:
                self._forget(attempt_id)
            elif entry.strikes >= 2 and not entry.ending:
                _delete(entry, self.outbox)
        self._time_out(now)

    # ---- the steps ---------------------------------------------------------------------------

    def _ended(self, entry: _Entry, verdict: Verdict) -> None:
        entry.ending = True
        if verdict.exit_code == NOT_OURS:
            # Its claim was refused: another worker has the attempt, or nobody may have it.
            _delete(entry, self.outbox)
            return
        if verdict.exit_code != 0:
            self.outbox.order(_order(Doing.EXPLAIN, entry, verdict))
            return
        self.outbox.gone(entry.attempt_id, verdict)
        if not entry.stays(self._keep):
            _delete(entry, self.outbox)

    def _vanished(self, entry: _Entry) -> None:
        self._forget(entry.attempt_id)
        if entry.ending:
            return
        last = entry.verdict
        if last is not None and last.stage is Stage.ENDED:
            self.outbox.gone(entry.attempt_id, last)
            return
        how = "was deleted" if entry.by_us else "is gone: its node was lost, or somebody deleted it"
        why = f"; before: {last.reason}" if last is not None and last.reason else ""
        started = last is not None and last.started
        self.outbox.gone(
            entry.attempt_id, Verdict(Stage.ENDED, f"its pod {how}{why}", started=started)
        )

    def _time_out(self, now: float) -> None:
        late: list[AttemptId] = []
        for attempt_id, since in self._waiting.items():
            if now - since < self._keep.pending_timeout_s:
                break
            late.append(attempt_id)
        for attempt_id in late:
            del self._waiting[attempt_id]
            entry = self._entries[attempt_id]
            if entry.ending or entry.deleting:
                continue
            entry.ending = True
            why = entry.verdict.reason if entry.verdict is not None else ""
            reason = (
                f"its pod did not start within {self._keep.pending_timeout_s:g} s "
                f"(kubernetes_executor.worker_pods_pending_timeout): {why or 'no reason given'}"
            )
            self.outbox.order(_order(Doing.EXPLAIN, entry, Verdict(Stage.WAITS, reason)))

    def _forget(self, attempt_id: AttemptId) -> None:
        self._entries.pop(attempt_id, None)
        self._waiting.pop(attempt_id, None)


def attempt_of(pod: Pod) -> AttemptId | None:
    """Return whose pod it is; None when it is nobody's."""
    found = pod.metadata.annotations.get(ATTEMPT) or pod.metadata.labels.get(ATTEMPT)
    return AttemptId(found) if found else None


def _delete(entry: _Entry, outbox: Outbox) -> None:
    entry.by_us = True
    if not entry.deleting:
        entry.deleting = True
        outbox.order(_order(Doing.DELETE, entry))


def _order(doing: Doing, entry: _Entry, verdict: Verdict | None = None) -> Order:
    return Order(doing, entry.attempt_id, entry.place, entry.uid, verdict)
