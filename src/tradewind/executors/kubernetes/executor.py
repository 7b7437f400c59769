"""KubernetesExecutor behind the seam: launches become pods, what becomes of pods becomes facts.

Every method returns at once. Requests go out from `Desk`'s threads, news comes in on one thread
for each namespace; all of them meet in the `Ledger`, under one lock.

A worker tells its outcome to the workers' API before its pod ends, so an outcome that is known
here is in the leader's inbox already. A fact is handed out one look after it came, so that the
leader has read its inbox in between: a pod's end never overtakes the outcome.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Self

import msgspec

from tradewind.clock import Clock
from tradewind.executors.base import Fact, Refused, Wake
from tradewind.executors.kubernetes.desk import Desk
from tradewind.executors.kubernetes.ledger import Keep, Ledger
from tradewind.executors.kubernetes.naming import selector
from tradewind.executors.kubernetes.outbox import Place
from tradewind.executors.kubernetes.podspec import Rejected, Shape, build
from tradewind.executors.kubernetes.requests import Requests, TaskLog
from tradewind.executors.kubernetes.warm.keeper import Keeper, is_warm
from tradewind.executors.kubernetes.warm.pool import Pool
from tradewind.executors.kubernetes.watching import Follower, Sink
from tradewind.kube.api import KubeApi
from tradewind.kube.pacing import Bucket
from tradewind.kube.pods import Pod
from tradewind.kube.template import PodJson
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Launch


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How the API server is treated.

    rate: requests a second. burst: at once. threads: that send them. relist_s: between two whole
    lists. watch_s: how long one watch lasts.
    """

    rate: float = 100.0
    burst: int = 16
    threads: int = 8
    relist_s: float = 120.0
    watch_s: int = 60


class KubernetesExecutor:
    """Run each attempt in a pod of its own, or in a warm one."""

    def __init__(
        self,
        api: KubeApi,
        shape: Shape,
        keep: Keep,
        wake: Wake,
        clock: Clock,
        task_log: TaskLog,
        pace: Pace | None = None,
        warm: Pool | None = None,
    ) -> None:
        pace = pace or Pace()
        self._api = api
        self._shape = shape
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()
        self._ledger = Ledger(keep)
        self._ripe: list[Fact] = []
        self._troubles: dict[str, str] = {}
        bucket = Bucket(pace.rate, pace.burst, clock.monotonic())
        self._desk = Desk("kubernetes", pace.threads, bucket, clock, _jitter)
        self._requests = Requests(api, self._desk, self._ledger, self._lock, clock, wake, task_log)
        self._warm: Keeper | None = None
        if warm is not None:
            self._warm = Keeper(
                warm,
                keep,
                shape.namespace,
                api,
                self._desk,
                self._ledger,
                self._lock,
                clock,
                self._submit_cold,
            )
        sink = Sink(
            tick=lambda: self._ledger.tick,
            listed=self._listed,
            seen=self._seen,
            removed=self._removed,
            trouble=self._trouble,
        )
        follow = partial(Follower, relist_s=pace.relist_s, watch_s=pace.watch_s, jitter=_jitter)
        self._followers = [
            follow(api, namespace, selector(shape.group), sink, clock)
            for namespace in shape.allowed.namespaces
        ]
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start the threads."""
        self._open.callback(self._api.close)
        self._open.enter_context(self._desk)
        if self._warm is not None:
            self._open.enter_context(self._warm)
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop submitting and looking; pods go on."""
        self._open.close()

    # ---- the seam ----------------------------------------------------------------------------

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Find a pod for each; an attempt that has one, or will, gets no second."""
        self._follow()
        refused: list[Refused] = []
        cold: list[Launch] = []
        for launch in launches:
            try:
                if not self._goes_warm(launch):
                    cold.append(launch)
            except Rejected as error:
                refused.append(Refused(launch.attempt_id, str(error), permanent=True))
        if self._warm is not None:
            self._warm.carry_out()
        return refused + self._create(cold)

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Return facts; with the believed ones, also sweep what is nobody's and what waits long."""
        self._follow()
        with self._lock:
            if believed is not None:
                now = self._clock.monotonic()
                self._ledger.believe(believed, now)
                if self._warm is not None:
                    self._warm.believe(believed, now)
            facts, self._ripe = self._ripe, self._ledger.outbox.take_facts()
            more = bool(self._ripe)
        self._carry_out()
        if more:
            self._wake()
        return facts

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Delete these attempts' pods; their workers are asked to stop, then killed."""
        with self._lock:
            for attempt_id in attempts:
                self._ledger.cancel(attempt_id)
                if self._warm is not None:
                    self._warm.cancel(attempt_id)
        self._carry_out()

    # ---- health ------------------------------------------------------------------------------

    @property
    def pods_seen(self) -> int:
        """Return how many attempts have a pod that the API server has shown."""
        with self._lock:
            return self._ledger.seen_count

    @property
    def requests_sent(self) -> int:
        """Return how many requests went out, those of watches apart."""
        return self._api.requests_sent

    def troubles(self) -> dict[str, str]:
        """Return what keeps us from seeing or making pods, by namespace; empty when all is well."""
        with self._lock:
            found = {namespace: why for namespace, why in self._troubles.items() if why}
            if self._warm is not None and self._warm.trouble():
                found["warm pool"] = self._warm.trouble()
            return found

    # ---- news (on the followers' threads) ----------------------------------------------------

    def _listed(self, namespace: str, pods: list[Pod], since: int) -> None:
        with self._lock:
            now = self._clock.monotonic()
            self._ledger.listed(namespace, [p for p in pods if not is_warm(p)], since, now)
            if self._warm is not None:
                self._warm.listed(namespace, [p for p in pods if is_warm(p)], since, now)
        self._after_news()

    def _seen(self, pod: Pod) -> None:
        with self._lock:
            if not is_warm(pod):
                self._ledger.seen(pod, self._clock.monotonic())
            elif self._warm is not None:
                self._warm.seen(pod, self._clock.monotonic())
        self._after_news()

    def _removed(self, pod: Pod) -> None:
        with self._lock:
            if not is_warm(pod):
                self._ledger.removed(pod)
            elif self._warm is not None:
                self._warm.removed(pod, self._clock.monotonic())
        self._after_news()

    def _after_news(self) -> None:
        self._carry_out()
        if self._ledger.outbox.has_facts():
            self._wake()

    def _follow(self) -> None:
        """Begin to follow pods, at the first call: whoever stands by asks nothing and does nothing.

        The first list tells all that there is to know.
        """
        followers, self._followers = self._followers, []
        for follower in followers:
            self._open.enter_context(follower)

    def _carry_out(self) -> None:
        self._requests.carry_out()
        if self._warm is not None:
            self._warm.carry_out()

    # ---- launches ----------------------------------------------------------------------------

    def _goes_warm(self, launch: Launch) -> bool:
        if self._warm is None:
            return False
        with self._lock:
            return launch.attempt_id not in self._ledger and self._warm.takes(
                launch, _override(launch)
            )

    def _create(self, launches: Sequence[Launch]) -> list[Refused]:
        refused = []
        for launch in launches:
            try:
                pod = build(launch, self._shape, _override(launch))
            except Rejected as error:
                refused.append(Refused(launch.attempt_id, str(error), permanent=True))
                continue
            place = Place(pod["metadata"]["namespace"], pod["metadata"]["name"])
            with self._lock:
                new = self._ledger.want(launch.attempt_id, place)
            if new:
                self._requests.create(launch, pod)
        return refused

    def _submit_cold(self, launches: Sequence[Launch]) -> None:
        """Make pods for attempts that no warm one became free for."""
        for refused in self._create(launches):
            with self._lock:
                self._ledger.outbox.refused(refused.attempt_id, refused.reason)
            self._wake()

    def _trouble(self, namespace: str, why: str) -> None:
        with self._lock:
            self._troubles[namespace] = why


def _override(launch: Launch) -> PodJson | None:
    return (launch.executor_config or {}).get("pod_override")


def _jitter() -> float:
    return os.urandom(1)[0] / 255
