"""A warm pool at work: what is decided is carried out, and news brought to those who decide.

Everything that is decided is decided under the executor's lock, on whatever thread brings news;
requests go out from the `Desk`, and the `Line` speaks to pods.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Self

import msgspec

from tradewind.clock import Clock
from tradewind.executors.kubernetes.desk import Again, Desk
from tradewind.executors.kubernetes.ledger import Keep, Ledger
from tradewind.executors.kubernetes.naming import WARM
from tradewind.executors.kubernetes.warm.leasing import Leasing
from tradewind.executors.kubernetes.warm.line import Line, Listener
from tradewind.executors.kubernetes.warm.orders import Call, HangUp, Make, MakeSecret, Say
from tradewind.executors.kubernetes.warm.pool import Pool
from tradewind.executors.kubernetes.warm.stock import Stock
from tradewind.executors.kubernetes.warm.waiting import Waiting
from tradewind.kube import answers
from tradewind.kube.answers import Answer
from tradewind.kube.api import KubeApi, Reply
from tradewind.kube.pods import Pod
from tradewind.kube.template import PodJson
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch
from tradewind.wire.warm import FromPod


class Keeper:
    """Keep a warm pool."""

    def __init__(
        self,
        pool: Pool,
        keep: Keep,
        namespace: str,
        api: KubeApi,
        desk: Desk,
        ledger: Ledger,
        lock: threading.Lock,
        clock: Clock,
        overflow: Callable[[Sequence[Launch]], None],
    ) -> None:
        """Make one that is not started.

        Args:
            pool: what it should be.
            keep: which pods stay after their end.
            namespace: of the pods.
            api: the API server.
            desk: sends requests.
            ledger: of the other pods; its outbox is used.
            lock: the executor's.
            clock: the time.
            overflow: takes attempts that get no warm pod in time; called without the lock.
        """
        self._pods = pool.pods
        self._size = pool.warmth.size
        self._namespace = namespace
        self._api = api
        self._desk = desk
        self._ledger = ledger
        self._lock = lock
        self._clock = clock
        self._overflow = overflow
        self._waiting = Waiting(pool.warmth.wait_s)
        self._stock = Stock(
            pool.warmth, keep, namespace, pool.pods.fingerprint, _new_name, ledger.outbox
        )
        self._leasing = Leasing(self._stock, self._waiting, ledger.outbox)
        self._line = Line(pool.port, Listener(self._heard, self._cut_off, self._turn), clock)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start speaking to pods."""
        self._open.enter_context(self._line)
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop; attempts in pods go on."""
        self._open.close()

    # ---- what the executor asks; with the lock held, unless said otherwise ---------------------

    def takes(self, launch: Launch, override: PodJson | None) -> bool:
        """Take an attempt if it may run in a warm pod; True also when it has one already."""
        if launch.attempt_id in self._leasing:
            return True
        if not self._size or not self._pods.match(override):
            return False
        self._leasing.want(launch, self._clock.monotonic())
        return True

    def cancel(self, attempt_id: AttemptId) -> None:
        """Stop an attempt that is here."""
        self._leasing.cancel(attempt_id)

    def believe(self, believed: AbstractSet[AttemptId], now: float) -> None:
        """Compare with what the scheduler believes; make and delete pods."""
        self._leasing.believe(believed)
        self._stock.look(now)

    def seen(self, pod: Pod, now: float) -> None:
        """Take note of a pod as it is now."""
        self._stock.seen(pod, now)

    def removed(self, pod: Pod, now: float) -> None:
        """Take note that a pod is no more."""
        self._stock.removed(pod, now)

    def listed(self, namespace: str, pods: list[Pod], since: int, now: float) -> None:
        """Take a whole list of a namespace's warm pods as the truth."""
        self._stock.listed(namespace, pods, since, now)

    def trouble(self) -> str:
        """Return why there are no pods that should be there; empty when all is well."""
        return self._stock.trouble

    def carry_out(self) -> None:
        """Do what was decided, soon. Without the lock."""
        with self._lock:
            orders, self._stock.orders = self._stock.orders, []
        for order in orders:
            match order:
                case Make(name=name):
                    self._desk.put(partial(self._make, name))
                case MakeSecret(name=name, uid=uid):
                    self._desk.put(partial(self._make_secret, name, uid))
                case Call(name=name, address=address):
                    self._line.call(name, address, self._pods.key(name))
                case HangUp(name=name):
                    self._line.hang_up(name)
                case Say(name=name, message=message):
                    self._line.say(name, message)
        if self._waiting:
            self._line.wake()

    # ---- requests, on the desk's threads -------------------------------------------------------

    def _make(self, name: str) -> Again | None:
        reply = self._api.create("pods", self._namespace, self._pods.make(name))
        judged = _judged(reply)
        if judged.answer is Answer.EXISTS:  # the answer to an earlier try was lost
            reply = self._api.read("pods", self._namespace, name)
            if reply.status != 200:
                return Again()
        elif judged.answer is not Answer.DONE:
            return self._not_made(name, judged)
        uid = msgspec.json.decode(reply.body, type=Pod).metadata.uid
        with self._lock:
            self._ledger.tick += 1
            self._stock.created(name, uid, self._ledger.tick)
        self._desk.put(partial(self._make_secret, name, uid))
        return None

    def _make_secret(self, name: str, uid: str) -> Again | None:
        body = self._pods.make_secret(self._pods.make(name), uid)
        judged = _judged(self._api.create("secrets", self._namespace, body))
        if judged.answer in {Answer.DONE, Answer.EXISTS}:
            return None
        return self._not_made(name, judged)

    def _not_made(self, name: str, judged: answers.Judgement) -> Again | None:
        reason = f"a warm pod cannot be made: {judged.reason}"
        if judged.answer is not Answer.REFUSED:
            return Again(judged.retry_after_s)
        with self._lock:
            self._stock.refused(name, reason, self._clock.monotonic())
        return None

    # ---- news, on the line's thread ------------------------------------------------------------

    def _heard(self, name: str, message: FromPod) -> None:
        with self._lock:
            self._leasing.heard(name, message, self._clock.monotonic())
        self.carry_out()

    def _cut_off(self, name: str) -> None:
        with self._lock:
            self._leasing.cut_off(name)

    def _turn(self) -> float | None:
        with self._lock:
            late = self._waiting.overdue(self._clock.monotonic())
            due = self._waiting.next_due()
        if late:
            self._overflow(late)
        return due


def is_warm(pod: Pod) -> bool:
    """Tell whether a pod is a warm one."""
    return WARM in pod.metadata.labels


def _judged(reply: Reply) -> answers.Judgement:
    return answers.judge(answers.CREATE, reply.status, reply.body, reply.retry_after)


def _new_name() -> str:
    return f"warm-{os.urandom(8).hex()}"
