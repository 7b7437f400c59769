"""The warm pool in a whole deployment: tasks run in pods that are there already."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import NOTE, Deployment
from tests.kube.cluster import Cluster
from tests.kube.deployed import deployed
from tests.kube.nodeagent import NodeAgent, Pod
from tradewind.store import components

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SIZE = 2
MOST_TASKS = 6
DAGS = (
    NOTE
    + """
import os
from pathlib import Path
from tradewind.sdk import DAG, task

def held(name):
    # Opening a pipe for reading waits until somebody opens it for writing.
    note(name, os.getpid())
    (Path(os.environ["NOTES"]) / f"{name}.pipe").read_text()

with DAG("warm"):
    @task
    def first():
        print("from a warm pod")
        return [1, 2, 3]

    @task
    def double(n):
        note("pids", os.getpid())
        return 2 * n

    @task
    def total(numbers):
        note("total", sum(numbers))

    total(double.expand(n=first()))

with DAG("own"):
    @task(executor_config={"pod_override": {"metadata": {"labels": {"team": "a"}}}})
    def alone():
        note("alone", True)
    alone()

with DAG("killed"):
    @task
    def dies():
        held("dies")
    dies()

with DAG("goes_on"):
    @task
    def lives():
        held("lives")
    lives()

with DAG("cancelled"):
    @task
    def stays():
        held("stays")
    stays()

with DAG("many"):
    @task
    def one(n):
        note("many", n)
    one.expand(n=list(range(14)))
"""
)
HELD = ("dies", "lives", "stays")


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    return {"python": sys.executable}


@pytest.fixture(scope="module")
def node(cluster: Cluster, here: dict[str, str]) -> Iterator[NodeAgent]:
    with NodeAgent(cluster, here=here) as agent:
        yield agent


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> str:
    return cluster.namespace()


@pytest.fixture(scope="module")
def world(
    cluster: Cluster,
    namespace: str,
    node: NodeAgent,
    here: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    with deployed(
        cluster,
        namespace,
        here,
        tmp_path_factory.mktemp("deployment"),
        DAGS,
        TRADEWIND__KUBERNETES_EXECUTOR__WARM_POOL_SIZE=str(SIZE),
        TRADEWIND__KUBERNETES_EXECUTOR__WARM_POOL_MAX_TASKS=str(MOST_TASKS),
        TRADEWIND__KUBERNETES_EXECUTOR__WARM_POOL_WAIT="60",
    ) as world:
        for name in HELD:
            os.mkfifo(world.notes / f"{name}.pipe")
        world.ready("warm", "own", "killed", "goes_on", "cancelled", "many")
        yield world


def _ready(node: NodeAgent, namespace: str) -> list[Pod]:
    return node.wait_for_phase(namespace, "Running", SIZE)


def _cold(node: NodeAgent) -> set[str]:
    return {name for name in node.started if name.startswith("ti-")}


def _release(world: Deployment, name: str) -> None:
    (world.notes / f"{name}.pipe").write_text("on you go")


def _pod_of(pods: list[Pod], world: Deployment, pid: int) -> Pod:
    """Return the pod in which a process runs, which has the pod's folder in its command line."""
    line = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return next(pod for pod in pods if pod["metadata"]["uid"] in line)


def test_tasks_run_in_pods_that_are_there_already(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    _ready(node, namespace)
    cold = _cold(node)
    run = world.trigger("warm")
    world.state(run, "total", "success", "failed")
    assert world.note("total")[-1] == 12
    assert world.xcom(run, "first") == [1, 2, 3]
    world.until("the log", lambda: "from a warm pod" in world.lines(run, "first"))
    assert len(set(world.note("pids")[-3:])) == 3, "each attempt has a process of its own"
    assert _cold(node) == cold
    assert all("tradewind/warm" in p["metadata"]["labels"] for p in _ready(node, namespace))


def test_what_a_pod_says_of_itself_opens_nothing(
    cluster: Cluster, world: Deployment, node: NodeAgent, namespace: str
) -> None:
    (pod, *_) = _ready(node, namespace)
    name = pod["metadata"]["name"]
    secret = cluster.admin.must("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == pod["metadata"]["uid"]
    assert secret["data"]["key"] not in json.dumps(pod)
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_task_with_an_override_of_its_own_has_a_pod_of_its_own(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    cold = _cold(node)
    run = world.trigger("own")
    world.state(run, "alone", "success", "failed")
    assert world.note("alone") == [True]
    assert len(_cold(node) - cold) == 1


def test_a_warm_pod_that_is_killed_fails_its_task_with_the_reason_and_is_replaced(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    pods = _ready(node, namespace)
    run = world.trigger("killed")
    (pid,) = world.until("the task runs", lambda: world.note("dies"))
    dead = _pod_of(pods, world, pid)
    node.kill(dead)
    ti = world.state(run, "dies", "failed", "success")
    assert ti.state == "failed"
    assert "signal 9" in (ti.reason or "")
    world.until(
        "the reason in the log",
        lambda: any("signal 9" in line for line in world.lines(run, "dies")),
    )
    node.wait(lambda: dead["metadata"]["uid"] not in node._pods)
    assert dead["metadata"]["uid"] not in {p["metadata"]["uid"] for p in _ready(node, namespace)}


def test_a_scheduler_that_is_killed_leaves_pods_and_tasks_to_the_next(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    pods = {pod["metadata"]["uid"] for pod in _ready(node, namespace)}
    run = world.trigger("goes_on")
    world.until("the task runs", lambda: world.note("lives"))
    killed = components.latest(world.db, "scheduler")
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    world.until(
        "another scheduler",
        lambda: (now := components.latest(world.db, "scheduler")) and now.pid != killed.pid,
    )
    warm = world.trigger("warm")
    world.state(warm, "total", "success", "failed")
    _release(world, "lives")
    assert world.state(run, "lives", "success", "failed").state == "success"
    assert len(world.note("lives")) == 1
    assert pods & {pod["metadata"]["uid"] for pod in node.pods(namespace)}


def test_a_task_that_is_cleared_is_stopped_and_its_pod_is_used_again(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("cancelled")
    world.until("the task runs", lambda: world.note("stays"))
    world.clear(run, "stays")
    world.until("it runs again", lambda: len(world.note("stays")) == 2)
    _release(world, "stays")
    assert world.state(run, "stays", "success", "failed").state == "success"
    _ready(node, namespace)


def test_pods_are_replaced_after_so_many_tasks(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    before = {name for name in node.started if name.startswith("warm-")}
    run = world.trigger("many")
    assert world.ended(run) == "success"
    assert sorted(world.note("many")) == list(range(14))
    assert len({name for name in node.started if name.startswith("warm-")} - before) >= 1
    node.wait(lambda: len(node.pods_now(namespace)) == SIZE)
