"""What the executor costs: requests for a task, and a look at many live pods."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.kube.cluster import Cluster
from tests.kube.nodeagent import NodeAgent
from tests.kube.world import executing, launch
from tradewind.executors.kubernetes.ledger import Keep, Ledger
from tradewind.executors.kubernetes.outbox import Place
from tradewind.kube.pods import Metadata, Pod, Status
from tradewind.model.ids import AttemptId

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

MOST_REQUESTS = 4.0
LIVE = 5000


@pytest.fixture
def node(cluster: Cluster) -> Iterator[NodeAgent]:
    with NodeAgent(cluster, conduct="done") as agent:
        yield agent


def test_a_task_costs_four_requests_at_most(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    launches = [launch() for _ in range(60)]
    with executing(cluster, namespace) as (executor, watcher):
        executor.submit(launches)
        watcher.until(lambda: len(watcher.gone()) == len(launches), within_s=60)
        node.wait(lambda: not node.pods_now(namespace))
        assert executor.requests_sent / len(launches) <= MOST_REQUESTS


def _calls(work: Callable[[], object]) -> int:
    """Count the functions of Tradewind that are called meanwhile: the cost, whatever the clock."""
    ours = str(Path(sys.modules[Ledger.__module__].__file__ or "").parent)
    count = 0

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(ours)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def _live(count: int) -> tuple[Ledger, set[AttemptId]]:
    ledger, ids = Ledger(Keep()), [AttemptId(f"attempt-{n}") for n in range(count)]
    for attempt_id in ids:
        ledger.want(attempt_id, Place("tasks", attempt_id))
        ledger.created(attempt_id, Place("tasks", attempt_id), f"uid-{attempt_id}", 0.0)
        ledger.seen(_pod(attempt_id), 0.0)
    return ledger, set(ids)


def _pod(attempt_id: AttemptId, phase: str = "Running") -> Pod:
    metadata = Metadata(
        name=attempt_id,
        namespace="tasks",
        uid=f"uid-{attempt_id}",
        annotations={"tradewind/attempt": attempt_id},
    )
    return Pod(metadata=metadata, status=Status(phase=phase))


def test_a_look_costs_what_has_changed_however_many_pods_are_live() -> None:
    costs = {}
    for live in (50, LIVE):
        ledger, believed = _live(live)
        nothing = _calls(lambda: ledger.believe(believed, 1.0))  # noqa: B023  called at once
        gone = set(list(believed)[:20])
        twenty = _calls(lambda: ledger.believe(believed - gone, 2.0))  # noqa: B023
        news = _calls(lambda: ledger.seen(_pod(AttemptId("attempt-7"), "Failed"), 3.0))  # noqa: B023
        costs[live] = (nothing, twenty, news)
    assert costs[50] == costs[LIVE], costs
    assert costs[LIVE][0] <= 3
