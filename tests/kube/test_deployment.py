"""A whole deployment on Kubernetes: scheduler, API server, and a worker in a pod for each attempt.

The node agent runs the pods' own command on this machine; everything else is as it is in use.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.acceptance.deployment import NOTE, Deployment
from tests.kube.cluster import Cluster
from tests.kube.deployed import SERVER, deployed
from tests.kube.nodeagent import NodeAgent
from tests.kube.world import executing, launch
from tradewind.executors.kubernetes.ledger import Keep
from tradewind.wire.remote import NOT_OURS

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

DAGS = (
    NOTE
    + """
from datetime import timedelta
from tradewind.sdk import DAG, task

with DAG("pods", default_args={"retry_delay": timedelta(seconds=0.2)}):
    @task
    def first():
        print("from a pod")
        return [1, 2, 3]

    @task
    def double(n):
        return 2 * n

    @task(retries=1)
    def total(numbers, ti=None):
        if ti.try_number == 1:
            raise ValueError("not yet")
        note("total", sum(numbers))

    total(double.expand(n=first()))

LABELLED = {"pod_override": {"metadata": {"labels": {"conduct": "oom"}}}}

with DAG("killed"):
    @task(executor_config=LABELLED)
    def eats():
        note("never", True)
    eats()

# Models of the official client, as DAG files for Airflow have them.
from kubernetes.client import models as k8s

OVER = k8s.V1Pod(
    metadata=k8s.V1ObjectMeta(labels={"team": "a"}, annotations={"why": "a test"}),
    spec=k8s.V1PodSpec(
        containers=[
            k8s.V1Container(
                name="base",
                env=[k8s.V1EnvVar(name="WORD", value="from a V1Pod")],
                resources=k8s.V1ResourceRequirements(requests={"cpu": "100m"}),
            )
        ],
        tolerations=[k8s.V1Toleration(key="batch", operator="Exists")],
    ),
)

with DAG("modelled"):
    @task(executor_config={"pod_override": OVER})
    def reads():
        note("word", os.environ["WORD"])
    reads()

with DAG("greedy"):
    @task(executor_config={"pod_override": {"spec": {"hostNetwork": True}}})
    def wants():
        note("never", True)
    wants()
"""
)


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
    with deployed(cluster, namespace, here, tmp_path_factory.mktemp("deployment"), DAGS) as world:
        world.ready("pods", "killed", "greedy", "modelled")
        yield world


def test_tasks_run_in_pods_and_the_pods_go(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    before = len(node.started)
    run = world.trigger("pods")
    world.state(run, "total", "success", "failed")
    assert world.note("total") == [12]
    assert world.xcom(run, "first") == [1, 2, 3]
    world.until("the log", lambda: "from a pod" in world.lines(run, "first"))
    node.wait(lambda: not node.pods_now(namespace))
    started = node.started[before:]
    assert len(started) == len(set(started)) == 6


def test_a_pod_that_is_killed_before_its_task_began_is_made_again_and_told(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("killed")
    ti = world.state(run, "eats", "failed")
    assert ti.try_number == 1
    world.until(
        "the reason in the log",
        lambda: any("OOMKilled" in line for line in world.lines(run, "eats")),
    )
    node.wait(lambda: not node.pods_now(namespace))


def test_an_override_may_be_a_model_of_the_official_client(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("modelled")
    (pod,) = world.until(
        "its pod",
        lambda: [p for p in node.pods(namespace) if p["metadata"]["labels"].get("team") == "a"],
    )
    assert pod["metadata"]["annotations"]["why"] == "a test"
    assert {"key": "batch", "operator": "Exists"} in pod["spec"]["tolerations"]
    (base,) = pod["spec"]["containers"]
    assert base["resources"]["requests"] == {"cpu": "100m"}
    assert {"name": "NOTES"}.items() <= base["env"][0].items(), "the template's are kept"
    world.state(run, "reads", "success", "failed")
    assert world.note("word") == ["from a V1Pod"]


def test_an_override_that_is_not_allowed_fails_the_task_with_the_reason(
    world: Deployment,
) -> None:
    ti = world.state(world.trigger("greedy"), "wants", "failed")
    assert "hostNetwork" in (ti.reason or "")
    assert not (world.notes / "never").exists()


def test_a_worker_whose_attempt_is_not_to_be_had_ends_with_a_code_of_its_own(
    world: Deployment, here: dict[str, str], tmp_path: Path
) -> None:
    ticket = tmp_path / "ticket"
    ticket.write_text('{"attempt_id": "nobodys", "claim_token": "none"}')
    folders = [("--dags-folder", "dags"), ("--log-folder", "logs"), ("--state-dir", "state")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tradewind.worker", "--server", here[SERVER]),
            *("--ticket", str(ticket)),
            *(part for option, name in folders for part in (option, str(tmp_path / name))),
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == NOT_OURS, done.stderr


def _tradewind(world: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "kubernetes", *arguments],
        env=world.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_pods_can_be_seen_before_they_run_and_are_what_kubernetes_takes(
    world: Deployment, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    done = _tradewind(world, "generate-dag-yaml", "pods", "--output-path", str(tmp_path))
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "kubernetes_pod_yamls").iterdir())
    assert [path.name for path in files] == [
        "pods.double.yaml",
        "pods.first.yaml",
        "pods.total.yaml",
    ]
    for path in files:
        pod = yaml.safe_load(path.read_text())
        where = f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict"
        cluster.admin.must("POST", where, pod)
    refused = _tradewind(world, "generate-dag-yaml", "greedy", "--output-path", str(tmp_path))
    assert refused.returncode != 0
    assert "hostNetwork" in refused.stderr


def test_ended_pods_that_were_kept_are_cleaned_up_and_others_stay(
    world: Deployment, cluster: Cluster, namespace: str, node: NodeAgent
) -> None:
    other = cluster.namespace()
    with executing(cluster, other, keep=Keep(failed=True)) as (executor, watcher):
        failed, held = launch("fail"), launch("hold")
        executor.submit([failed, held])
        watcher.until(lambda: failed.attempt_id in watcher.gone())
        node.wait_for_phase(other, "Running")
        world.env["TRADEWIND__KUBERNETES_EXECUTOR__GROUP"] = "test"
        done = _tradewind(world, "cleanup-pods", "--namespace", other)
    assert done.returncode == 0, done.stderr
    assert "1 pods deleted" in done.stdout
    node.wait(lambda: len(node.pods_now(other)) == 1)
