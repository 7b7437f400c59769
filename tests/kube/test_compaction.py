"""etcd forgets what a watch would go on from: 410, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.kube import cluster as clusters
from tests.kube.cluster import Cluster
from tests.kube.faultproxy import Fault, FaultProxy, Silence
from tests.kube.nodeagent import NodeAgent
from tests.kube.world import executing, launch
from tradewind.executors.kubernetes.executor import Pace

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def forgetful(cluster: Cluster) -> Iterator[Cluster]:
    """An API server that keeps nothing in memory: its watches read etcd. It needs the other one
    only to be skipped where there is none."""
    with clusters.running("--watch-cache=false") as started:
        yield started


def test_a_watch_from_before_a_compaction_is_begun_anew_from_a_list(forgetful: Cluster) -> None:
    namespace = forgetful.namespace()
    begun: list[str] = []

    def script(method: str, path: str) -> Fault | None:
        found = re.search(r"watch=true.*resourceVersion=(\d+)", path)
        if found is None:
            return None
        begun.append(found[1])
        return Silence(after=0) if len(begun) == 1 else None

    launches = [launch("hold") for _ in range(5)]
    believed = {one.attempt_id for one in launches}
    pace = Pace(rate=400, burst=32, threads=8, relist_s=600, watch_s=1)
    with (
        NodeAgent(forgetful) as node,
        FaultProxy(forgetful) as proxy,
    ):
        proxy.script = script
        with executing(forgetful, namespace, address=proxy.address, pace=pace) as (
            executor,
            watcher,
        ):
            watcher.until(lambda: len(begun) == 1)
            lists = proxy.counts["GET pods"]
            executor.submit(launches)
            for pod in node.wait_for_phase(namespace, "Running", 5):
                node.finish(pod)
            node.wait_for_phase(namespace, "Succeeded", 5)
            forgetful.compact()
            old = f"/api/v1/namespaces/{namespace}/pods?watch=true&resourceVersion={begun[0]}"
            status, told = forgetful.admin.call("GET", f"{old}&timeoutSeconds=1")
            assert status == 410 or told["object"]["code"] == 410
            watcher.until(lambda: watcher.gone().keys() == believed, full=believed)
            node.wait(lambda: not node.pods_now(namespace))
            assert begun[1] == begun[0], "it went on from what etcd has forgotten"
            assert proxy.counts["GET pods"] > lists
    assert all(gone.exit_code == 0 for gone in watcher.gone().values())
