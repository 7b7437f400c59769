"""The requests about attempts' pods, each a job for the `Desk`: what is asked, and what of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from tradewind.clock import Clock
from tradewind.executors.base import Wake
from tradewind.executors.kubernetes.desk import Again, Desk
from tradewind.executors.kubernetes.ledger import Ledger, attempt_of
from tradewind.executors.kubernetes.naming import FENCE
from tradewind.executors.kubernetes.outbox import Doing, Order, Place
from tradewind.executors.kubernetes.podspec import annotations_of, secret
from tradewind.kube import answers
from tradewind.kube.answers import Answer
from tradewind.kube.api import KubeApi, Reply
from tradewind.kube.explain import explanation
from tradewind.kube.pods import Pod
from tradewind.kube.template import PodJson
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch

log = logging.getLogger(__name__)

_FIRST = 1 << 30
"""Priority of ends: while many pods are to be created, those that have ended do not pile up."""


class TaskLog(Protocol):
    """The way to a task's log."""

    def __call__(self, annotations: Mapping[str, str], fence: int, lines: Sequence[str]) -> None:
        """Append lines to the log of the attempt that a pod's annotations name.

        Raises:
            OSError: they cannot be written.
        """
        ...


class Requests:
    """Ask the API server, and tell the ledger what it answered."""

    def __init__(
        self,
        api: KubeApi,
        desk: Desk,
        ledger: Ledger,
        lock: threading.Lock,
        clock: Clock,
        wake: Wake,
        task_log: TaskLog,
    ) -> None:
        self._api = api
        self._desk = desk
        self._ledger = ledger
        self._lock = lock
        self._clock = clock
        self._wake = wake
        self._task_log = task_log

    def create(self, launch: Launch, pod: PodJson) -> None:
        """Create an attempt's pod, soon."""
        self._desk.put(partial(self._create, launch, pod), launch.priority)

    def carry_out(self) -> None:
        """Do what the ledger orders, soon."""
        with self._lock:
            orders = self._ledger.outbox.take_orders()
        for order in orders:
            do = self._delete if order.doing is Doing.DELETE else self._explain
            self._desk.put(partial(do, order), _FIRST)

    def _create(self, launch: Launch, pod: PodJson) -> Again | None:
        attempt_id = launch.attempt_id
        with self._lock:
            if not self._ledger.wanted(attempt_id):
                return None
        place = Place(pod["metadata"]["namespace"], pod["metadata"]["name"])
        reply = self._api.create("pods", place.namespace, pod)
        judged = _judged(answers.CREATE, reply)
        if judged.answer is Answer.EXISTS:
            reply = self._api.read("pods", place.namespace, place.name)
            if reply.status != 200:
                return Again()
            if attempt_of(_pod(reply.body)) != attempt_id:
                taken = f"a pod {place.name} that is not Tradewind's is in the way"
                judged = answers.Judgement(Answer.REFUSED, taken)
        if judged.answer in {Answer.AGAIN, Answer.REFUSED}:
            return self._not_now(attempt_id, "its pod", judged)
        uid = _pod(reply.body).metadata.uid
        with self._lock:
            kept = self._ledger.created(attempt_id, place, uid, self._clock.monotonic())
        if not kept:
            self.carry_out()
            return None
        body = secret(launch, pod, uid)
        again = self._create_secret(attempt_id, place, body)
        if again is not None:
            job = partial(self._create_secret, attempt_id, place, body)
            self._desk.put(job, launch.priority)
        return None

    def _create_secret(
        self, attempt_id: AttemptId, place: Place, body: dict[str, Any]
    ) -> Again | None:
        judged = _judged(answers.CREATE, self._api.create("secrets", place.namespace, body))
        if judged.answer in {Answer.DONE, Answer.EXISTS}:
            return None
        return self._not_now(attempt_id, "its Secret", judged)

    def _not_now(self, attempt_id: AttemptId, what: str, judged: answers.Judgement) -> Again | None:
        reason = f"{what} cannot be created: {judged.reason}"
        with self._lock:
            if judged.answer is Answer.REFUSED:
                self._ledger.refused(attempt_id, reason)
            else:
                self._ledger.outbox.pending(attempt_id, reason, in_turn=True)
        self.carry_out()
        self._wake()
        return None if judged.answer is Answer.REFUSED else Again(judged.retry_after_s)

    def _delete(self, order: Order) -> Again | None:
        place = order.place
        reply = self._api.delete("pods", place.namespace, place.name, uid=order.uid)
        judged = _judged(answers.DELETE, reply)
        if judged.answer is Answer.AGAIN:
            return Again(judged.retry_after_s)
        if judged.answer is Answer.REFUSED:
            where = f"{place.namespace}/{place.name}"
            log.error("pod %s cannot be deleted: %s", where, judged.reason)
        return None

    def _explain(self, order: Order) -> Again | None:
        assert order.verdict is not None
        reply = self._api.read("pods", order.place.namespace, order.place.name)
        if reply.status == 200:
            pod = _pod(reply.body)
            lines = explanation(self._api, pod, order.verdict)
            try:
                self._task_log(*_whose(pod, order.launch), lines)
            except (OSError, ValueError, KeyError) as error:
                name = order.place.name
                log.warning("what Kubernetes says of pod %s is not in a log: %s", name, error)
        elif reply.status != 404:
            return Again()
        with self._lock:
            self._ledger.explained(order)
        self.carry_out()
        self._wake()
        return None


def _whose(pod: Pod, launch: Launch | None) -> tuple[Mapping[str, str], int]:
    if launch is not None:
        return annotations_of(launch.assignment), launch.assignment.fence
    return pod.metadata.annotations, int(pod.metadata.labels.get(FENCE, "0"))


def _judged(table: tuple[answers.Rule, ...], reply: Reply) -> answers.Judgement:
    return answers.judge(table, reply.status, reply.body, reply.retry_after)


def _pod(body: bytes) -> Pod:
    return msgspec.json.decode(body, type=Pod)
