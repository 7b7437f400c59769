"""What the tests of the executor share: launches, an executor on the real API server, its facts."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.kube.cluster import Cluster
from tests.kube.nodeagent import SCHEDULER
from tradewind.clock import SystemClock
from tradewind.executors.base import Fact, Gone
from tradewind.executors.kubernetes.executor import KubernetesExecutor, Pace
from tradewind.executors.kubernetes.ledger import Keep
from tradewind.executors.kubernetes.podspec import Shape
from tradewind.executors.kubernetes.policy import Allowed
from tradewind.kube.api import Access, KubeApi
from tradewind.kube.template import built_in, merge
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Assignment, Launch, RunInfo

QUICK = Pace(rate=400, burst=32, threads=8, relist_s=5, watch_s=3)


def launch(conduct: str = "", priority: int = 1, **override: Any) -> Launch:
    """Return a launch; conduct: what the node agent does with its pod."""
    attempt_id = AttemptId(str(uuid.uuid4()))
    if conduct:
        override.setdefault("metadata", {}).setdefault("labels", {})["conduct"] = conduct
    run = RunInfo(
        dag_id="a_dag",
        run_id="manual__2026-01-01T00:00:00+00:00",
        run_type="manual",
        run_after=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Launch(
        attempt_id=attempt_id,
        claim_token=uuid.uuid4().hex,
        assignment=Assignment(
            attempt_id=attempt_id,
            fence=1,
            try_number=1,
            max_tries=0,
            dag_file="a.py",
            source_hash="0",
            task_id="a_task",
            run=run,
        ),
        executor="KubernetesExecutor",
        priority=priority,
        executor_config={"pod_override": override} if override else None,
    )


class Watcher:
    """Play the scheduler: take facts when woken."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.log: dict[str, list[str]] = {}
        self.executor: KubernetesExecutor | None = None
        self._ready = threading.Condition()
        self._woken = False

    def wake(self) -> None:
        with self._ready:
            self._woken = True
            self._ready.notify_all()

    def task_log(self, annotations: Mapping[str, str], fence: int, lines: Sequence[str]) -> None:
        self.log.setdefault(annotations["tradewind/attempt"], []).extend(lines)

    def until(
        self, holds: Callable[[], bool], within_s: float = 30.0, full: set[AttemptId] | None = None
    ) -> None:
        """Take facts until something holds; full: look in full at each wake, believing these."""
        assert self.executor is not None
        clock = SystemClock()
        deadline = clock.monotonic() + within_s
        while not holds():
            assert clock.monotonic() < deadline, (self.facts, self.executor.troubles())
            self.facts.extend(self.executor.reconcile(full))
            with self._ready:
                self._ready.wait_for(lambda: self._woken, 0.2)
                self._woken = False

    def gone(self) -> dict[AttemptId, Gone]:
        """Return who is gone; told twice fails."""
        found = [fact for fact in self.facts if isinstance(fact, Gone)]
        by_id = {fact.attempt_id: fact for fact in found}
        assert len(by_id) == len(found), "told twice"
        return by_id


@contextmanager
def executing(
    cluster: Cluster,
    namespace: str,
    *,
    user: str = "admin",
    keep: Keep | None = None,
    pace: Pace = QUICK,
    address: str | None = None,
    command: tuple[str, ...] = ("true",),
    env: dict[str, str] | None = None,
    more_namespaces: tuple[str, ...] = (),
    config_file: Path | None = None,
    image: str | None = "tradewind:test",
) -> Iterator[tuple[KubernetesExecutor, Watcher]]:
    """Run an executor in a namespace."""
    watcher = Watcher()
    api = KubeApi(
        Access(in_cluster=False, config_file=config_file or cluster.kubeconfig(user, address))
    )
    shape = Shape(
        template=merge(built_in(), {"spec": {"schedulerName": SCHEDULER}}),
        group="test",
        namespace=namespace,
        allowed=Allowed(namespaces=(namespace, *more_namespaces)),
        image=image,
        command=command,
        env=env or {},
    )
    executor = KubernetesExecutor(
        api,
        shape,
        keep or Keep(failed=False),
        watcher.wake,
        SystemClock(),
        watcher.task_log,
        pace,
    )
    watcher.executor = executor
    with executor:
        yield executor, watcher
