"""The executor against a real API server: pods come, end, are told and go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kube.cluster import Cluster
from tests.kube.nodeagent import NodeAgent
from tests.kube.world import executing, launch
from tradewind.executors.base import Gone, Pending, Refused
from tradewind.executors.kubernetes.ledger import Keep
from tradewind.executors.kubernetes.naming import pod_name

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


@pytest.fixture
def node(cluster: Cluster) -> Iterator[NodeAgent]:
    with NodeAgent(cluster) as agent:
        yield agent


def test_a_pod_runs_its_command_with_the_token_of_its_secret_and_is_deleted(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch()
    # $0 of the shell's command is the file with the ticket.
    command = ("sh", "-c", 'grep "$EXPECTED" "$0"', "{ticket}")
    env = {"EXPECTED": one.claim_token}
    with executing(cluster, namespace, command=command, env=env) as (executor, watcher):
        assert executor.submit([one]) == []
        watcher.until(lambda: one.attempt_id in watcher.gone())
        node.wait(lambda: not node.pods_now(namespace))
    assert watcher.gone()[one.attempt_id].exit_code == 0
    assert node.started.count(pod_name(one.attempt_id)) == 1


def test_the_token_is_in_the_secret_alone_and_the_secret_is_the_pods(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("hold")
    with executing(cluster, namespace) as (executor, _):
        executor.submit([one])
        (pod,) = node.wait_for_phase(namespace, "Running")
        assert one.claim_token not in json.dumps(pod)
        path = f"/api/v1/namespaces/{namespace}/secrets/{pod['metadata']['name']}"
        node.wait(lambda: cluster.admin.call("GET", path)[0] == 200)
        secret = cluster.admin.must("GET", path)
        assert [o["uid"] for o in secret["metadata"]["ownerReferences"]] == [pod["metadata"]["uid"]]
        executor.cancel([one.attempt_id])
        node.wait(lambda: not node.pods_now(namespace))
        node.wait(lambda: cluster.admin.call("GET", path)[0] == 404)


def test_submitting_twice_makes_one_pod_also_by_another_executor(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("hold")
    with executing(cluster, namespace) as (executor, _):
        executor.submit([one])
        executor.submit([one])
        node.wait_for_phase(namespace, "Running")
    with executing(cluster, namespace) as (executor, watcher):
        executor.submit([one])
        (pod,) = node.pods(namespace)
        node.finish(pod)
        watcher.until(lambda: one.attempt_id in watcher.gone(), full={one.attempt_id})
    assert (
        sum(1 for what, name in node.events if what == "ADDED" and name == pod_name(one.attempt_id))
        == 1
    )


def test_an_executor_that_stands_by_asks_nothing_and_does_nothing(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("fail")
    with (
        executing(cluster, namespace) as (standby, other),
        executing(cluster, namespace) as (executor, watcher),
    ):
        executor.submit([one])
        watcher.until(lambda: one.attempt_id in watcher.gone())
        node.wait(lambda: not node.pods_now(namespace))
        assert standby.requests_sent == 0
        assert other.log == {}, "the log would say everything twice"


def test_what_ended_while_nobody_looked_is_told_to_the_next(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one, nobodys = launch("hold"), launch("hold")
    with executing(cluster, namespace) as (executor, _):
        executor.submit([one, nobodys])
        pods = node.wait_for_phase(namespace, "Running", 2)
    node.finish(next(p for p in pods if p["metadata"]["name"] == pod_name(one.attempt_id)), 7)
    with executing(cluster, namespace) as (_, watcher):
        watcher.until(lambda: one.attempt_id in watcher.gone(), full={one.attempt_id})
        watcher.until(lambda: not node.pods(namespace), full=set())
    assert watcher.gone()[one.attempt_id].exit_code == 7


@pytest.mark.parametrize(
    ("conduct", "reason", "started"),
    [
        ("fail", "exit code 3", True),
        ("oom", "OOMKilled", True),
        ("evict", "Evicted: The node was low on resource: memory.", False),
    ],
)
def test_how_a_pod_failed_is_told_and_logged(
    cluster: Cluster, namespace: str, node: NodeAgent, conduct: str, reason: str, *, started: bool
) -> None:
    one = launch(conduct)
    with executing(cluster, namespace) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: one.attempt_id in watcher.gone())
        node.wait(lambda: not node.pods_now(namespace))
    gone = watcher.gone()[one.attempt_id]
    assert reason in gone.reason
    assert gone.before_start is not started
    assert reason in "\n".join(watcher.log[one.attempt_id])
    assert ("the last words" in watcher.log[one.attempt_id]) is started


def test_failed_pods_stay_when_they_should(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("fail")
    with executing(cluster, namespace, keep=Keep(failed=True)) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: one.attempt_id in watcher.gone())
        for _ in range(3):
            executor.reconcile(set())
        (pod,) = node.pods(namespace)
    assert pod["status"]["phase"] == "Failed"


@pytest.mark.parametrize(
    ("conduct", "reason"),
    [("image", "ImagePullBackOff"), ("nowhere", "Unschedulable")],
)
def test_a_pod_that_does_not_start_says_why_and_is_given_up(
    cluster: Cluster, namespace: str, node: NodeAgent, conduct: str, reason: str
) -> None:
    one = launch(conduct)
    keep = Keep(pending_timeout_s=2)
    with executing(cluster, namespace, keep=keep) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: any(isinstance(f, Pending) for f in watcher.facts))
        watcher.until(lambda: one.attempt_id in watcher.gone(), full={one.attempt_id})
        node.wait(lambda: not node.pods_now(namespace))
    gone = watcher.gone()[one.attempt_id]
    assert gone.before_start
    assert reason in gone.reason
    assert "(3 times)" in "\n".join(watcher.log[one.attempt_id])


def test_a_pod_that_vanishes_while_it_runs_is_lost(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("lost")
    with executing(cluster, namespace) as (executor, watcher):
        executor.submit([one])
        (pod,) = node.wait_for_phase(namespace, "Running")
        node.lose(pod)
        watcher.until(lambda: one.attempt_id in watcher.gone())
    gone = watcher.gone()[one.attempt_id]
    assert isinstance(gone, Gone)
    assert not gone.before_start
    assert "its node was lost" in gone.reason


def test_a_pod_of_nobodys_is_swept_after_two_looks(
    cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    one = launch("hold")
    with executing(cluster, namespace) as (executor, watcher):
        executor.submit([one])
        node.wait_for_phase(namespace, "Running")
        watcher.until(lambda: not node.pods(namespace), full=set())


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ({"spec": {"hostNetwork": True}}, "hostNetwork"),
        ({"metadata": {"namespace": "kube-system"}}, "kube-system"),
        ({"spec": {"containers": [{"name": "base", "resources": "much"}]}}, "400"),
        ({"spec": {"containers": [{"name": "base", "image": " "}]}}, "image"),
    ],
)
def test_a_pod_that_cannot_be_is_refused_with_the_reason(
    cluster: Cluster, namespace: str, node: NodeAgent, override: dict[str, Any], reason: str
) -> None:
    one = launch(**override)
    with executing(cluster, namespace) as (executor, watcher):
        refused = list(executor.submit([one]))
        if not refused:
            watcher.until(lambda: any(isinstance(f, Refused) for f in watcher.facts))
            refused = [f for f in watcher.facts if isinstance(f, Refused)]
    assert refused[0].permanent
    assert reason in refused[0].reason
    assert not node.pods(namespace)
