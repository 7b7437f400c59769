"""Faults of the Kubernetes API: the executor gets over each by itself, and nothing is lost."""

from __future__ import annotations

import itertools
import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.kube.cluster import ROOT, Cluster
from tests.kube.faultproxy import Answer, Cut, Fault, FaultProxy, Lost, Rewrite, Silence
from tests.kube.nodeagent import NodeAgent
from tests.kube.world import executing, launch
from tradewind.clock import SystemClock
from tradewind.executors.base import Pending, Refused
from tradewind.executors.kubernetes.naming import pod_name

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420)]


@pytest.fixture
def node(cluster: Cluster) -> Iterator[NodeAgent]:
    with NodeAgent(cluster, conduct="done") as agent:
        yield agent


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[FaultProxy]:
    with FaultProxy(cluster) as running:
        yield running


def _creates_a_pod(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/pods")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_creates_that_the_server_turns_away_are_sent_again_and_retry_after_is_honoured(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy, status: int
) -> None:
    clock, sent = SystemClock(), []
    headers = {"Retry-After": "1"} if status in {429, 503} else {}

    def script(method: str, path: str) -> Fault | None:
        if not _creates_a_pod(method, path):
            return None
        sent.append(clock.monotonic())
        return Answer(status, b"not now", headers) if len(sent) <= 2 else None

    proxy.script = script
    one = launch()
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: one.attempt_id in watcher.gone())
        node.wait(lambda: not node.pods_now(namespace))
    pauses = [later - earlier for earlier, later in itertools.pairwise(sent)]
    assert len(sent) == 3
    assert all(pause >= (1.0 if headers else 0.2) for pause in pauses)
    assert any(isinstance(f, Pending) and str(status) in f.reason for f in watcher.facts)


def test_a_create_whose_answer_is_lost_makes_one_pod(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy
) -> None:
    one = launch("hold")
    sent = itertools.count()

    def script(method: str, path: str) -> Fault | None:
        if _creates_a_pod(method, path) and next(sent) == 0:
            return Lost()
        return None

    proxy.script = script
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        executor.submit([one])
        (pod,) = node.wait_for_phase(namespace, "Running")
        secret = f"/api/v1/namespaces/{namespace}/secrets/{pod['metadata']['name']}"
        node.wait(lambda: cluster.admin.call("GET", secret)[0] == 200)
        node.finish(pod)
        watcher.until(lambda: one.attempt_id in watcher.gone())
    assert node.events.count(("ADDED", pod_name(one.attempt_id))) == 1


def _broken_watch(kind: str, number: int, path: str) -> Fault | None:
    if kind == "too old" and number < 3:
        return Rewrite(re.sub(r"resourceVersion=\d+", "resourceVersion=1", path))
    if kind == "cut":
        return Cut(after=1)
    if kind == "silent":
        return Silence(after=0)
    return None


@pytest.mark.parametrize("kind", ["too old", "cut", "silent"])
def test_a_watch_that_is_too_old_cut_or_silent_loses_nothing(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy, kind: str
) -> None:
    numbers = itertools.count()

    def script(method: str, path: str) -> Fault | None:
        return _broken_watch(kind, next(numbers), path) if "watch=true" in path else None

    proxy.script = script
    launches = [launch() for _ in range(12)]
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        executor.submit(launches)
        watcher.until(lambda: len(watcher.gone()) == len(launches), within_s=60)
        node.wait(lambda: not node.pods_now(namespace))
    assert all(gone.exit_code == 0 for gone in watcher.gone().values())
    assert proxy.counts["GET pods"] <= 40, "listed in a hot loop"


def test_a_full_quota_is_waited_for_with_its_reason_and_without_a_hot_loop(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy
) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    cluster.admin.must("POST", path, quota)
    cluster.admin.must(
        "PATCH",
        f"{path}/few/status",
        {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}},
        kind="application/merge-patch+json",
    )
    one = launch()
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: sum("quota" in getattr(f, "reason", "") for f in watcher.facts) >= 3)
        assert proxy.counts["POST pods"] <= 6
        cluster.admin.must("DELETE", f"{path}/few")
        watcher.until(lambda: one.attempt_id in watcher.gone(), within_s=60)
    assert watcher.gone()[one.attempt_id].exit_code == 0


def test_an_api_server_that_is_away_for_a_while_costs_nothing(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy
) -> None:
    back = threading.Event()
    proxy.script = lambda _method, _path: None if back.is_set() else Answer(503, b"away")
    launches = [launch() for _ in range(5)]
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        executor.submit(launches)
        watcher.until(lambda: bool(executor.troubles()) and bool(watcher.facts))
        assert "503" in executor.troubles()[namespace]
        back.set()
        watcher.until(lambda: len(watcher.gone()) == 5, within_s=60)
        assert not executor.troubles()
    assert all(gone.exit_code == 0 for gone in watcher.gone().values())


def test_three_hundred_tasks_have_one_outcome_each_and_leave_nothing(
    cluster: Cluster, namespace: str, node: NodeAgent, proxy: FaultProxy
) -> None:
    numbers = itertools.count(1)

    def script(method: str, path: str) -> Fault | None:
        number = next(numbers)
        if "watch=true" in path:
            return Cut(after=40)
        if method in {"POST", "DELETE"} and number % 9 == 0:
            return Answer((500, 502, 503, 429)[number % 4], b"")
        return None

    proxy.script = script
    launches = [launch() for _ in range(300)]
    believed = {one.attempt_id for one in launches}
    with executing(cluster, namespace, address=proxy.address) as (executor, watcher):
        for at in range(0, 300, 50):
            executor.submit(launches[at : at + 50])
            executor.submit(launches[max(0, at - 25) : at + 25])
        watcher.until(lambda: len(watcher.gone()) == 300, within_s=240, full=believed)
        for _ in range(2):
            executor.reconcile(set())
        node.wait(lambda: not node.pods_now(namespace), within_s=120)
    names = {pod_name(attempt_id) for attempt_id in believed}
    added = Counter(name for what, name in node.events if what == "ADDED" and name in names)
    assert len(added) == 300
    assert set(added.values()) == {1}
    assert {gone.exit_code for gone in watcher.gone().values()} == {0}


# ---- least privilege ---------------------------------------------------------------------------


def _grant(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """Give user `executor` exactly the Role that is shipped."""
    role = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "executor-role.yaml").read_text())
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    role["metadata"]["namespace"] = namespace
    cluster.admin.must("POST", f"{rbac}/roles", role)
    cluster.admin.must(
        "POST",
        f"{rbac}/rolebindings",
        {
            "metadata": {"name": "executor"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Role",
                "name": role["metadata"]["name"],
            },
            "subjects": [
                {
                    "kind": "User",
                    "name": cluster.username("executor"),
                    "apiGroup": "rbac.authorization.k8s.io",
                }
            ],
        },
    )
    rules: list[dict[str, Any]] = role["rules"]
    return rules


def test_the_shipped_role_is_enough_and_gives_no_more(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    _grant(cluster, namespace)
    review = cluster.client("executor").must(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        {"spec": {"namespace": namespace}},
    )
    may = {
        f"{verb} {resource}"
        for rule in review["status"]["resourceRules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if rule["apiGroups"] == [""]
    }
    assert may == {
        "create pods",
        "delete pods",
        "get pods",
        "list pods",
        "watch pods",
        "get pods/log",
        "list events",
        "create secrets",
    }
    well, failing, stuck = launch("done"), launch("fail"), launch("hold")
    with executing(cluster, namespace, user="executor") as (executor, watcher):
        executor.submit([well, failing, stuck])
        watcher.until(lambda: len(watcher.gone()) == 2)
        node.wait_for_phase(namespace, "Running")
        executor.cancel([stuck.attempt_id])
        watcher.until(lambda: len(watcher.gone()) == 3)
        node.wait(lambda: not node.pods_now(namespace))
        assert not executor.troubles()
    assert "the last words" in watcher.log[failing.attempt_id]
    assert not any("cannot be read" in line for line in watcher.log[failing.attempt_id])


def test_without_rights_the_task_and_the_health_check_say_so(
    cluster: Cluster, namespace: str
) -> None:
    one = launch()
    with executing(cluster, namespace, user="outsider") as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: any(isinstance(f, Refused) for f in watcher.facts))
        watcher.until(lambda: "forbidden" in executor.troubles().get(namespace, ""))
    (refused,) = [f for f in watcher.facts if isinstance(f, Refused)]
    assert 'cannot create resource "pods"' in refused.reason
