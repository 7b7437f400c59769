"""KubernetesPodOperator and @task.kubernetes: pods of a task's own, on the real API server."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment, deployed
from tests.kube.cluster import Cluster
from tests.kube.nodeagent import NodeAgent, Pod
from tradewind.actions.mark import mark_run
from tradewind.model.run import Run
from tradewind.model.state import RunState

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

DAGS = """
import os
from datetime import timedelta
from tradewind.sdk import DAG, KubernetesPodOperator, task

COMMON = {
    "image": "busybox",
    "namespace": os.environ["PODS_NAMESPACE"],
    "config_file": os.environ["PODS_KUBECONFIG"],
    "poll_interval": 0.2,
    "pod_template_dict": {"spec": {"schedulerName": "tradewind-tests"}},
}

class Noting(KubernetesPodOperator):
    def execute(self, context):
        note(self.task_id, os.getpid())
        return super().execute(context)

def pod(task_id, script, operator=KubernetesPodOperator, **more):
    return operator(task_id=task_id, cmds=["sh", "-c", script], **{**COMMON, **more})

# Opening a pipe for reading waits until somebody opens it for writing.
HELD = "echo begun; read line < $PIPE; echo $line"
PIPE = {"PIPE": os.environ["PODS_PIPE"]}

with DAG("pods"):
    says = pod(
        "says",
        "echo to {{ task.task_id }} from $WHO; echo '[1, 2]' > /airflow/xcom/return.json",
        env_vars={"WHO": "{{ dag.dag_id }}"},
        do_xcom_push=True,
        labels={"team": "a"},
    )
    @task
    def doubled(numbers):
        note("doubled", [2 * n for n in numbers])
    doubled(says.output)

    pod("fails", "echo bad luck >&2; exit 3", on_finish_action="keep_pod")
    pod("skips", "exit 99", skip_on_exit_code=99)
    pod("waits", "true", labels={"conduct": "image"}, startup_timeout_seconds=1)
    pod("refused", "true", container_resources={"limits": {"cpu": "much"}})

with DAG("functions"):
    @task.kubernetes(**COMMON)
    def add(a, b, run_id=None):
        print("adding for", run_id)
        return {"sum": a + b}
    @task
    def take(found):
        note("sum", found["sum"])
    take(add(1, b=2))

with DAG("taken_over"):
    pod("held", HELD, Noting, env_vars=PIPE, retries=1, retry_delay=timedelta(seconds=0.1))

with DAG("stopped"):
    pod("stops", "echo begun; exec sleep 600")

with DAG("deferred"):
    pod("sleeps", HELD, env_vars=PIPE, deferrable=True)

with DAG("let_go"):
    pod("left", "exec sleep 600", deferrable=True)
"""


@pytest.fixture(scope="module")
def node(cluster: Cluster) -> Iterator[NodeAgent]:
    with NodeAgent(cluster, here={"python": sys.executable}) as agent:
        yield agent


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> str:
    return cluster.namespace()


@pytest.fixture(scope="module")
def world(
    cluster: Cluster,
    namespace: str,
    node: NodeAgent,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("deployment")
    pipe = home / "pipe"
    os.mkfifo(pipe)
    settings = {
        "PODS_NAMESPACE": namespace,
        "PODS_KUBECONFIG": str(cluster.kubeconfig("admin")),
        "PODS_PIPE": str(pipe),
    }
    dag_ids = ("pods", "functions", "taken_over", "stopped", "deferred", "let_go")
    shutil.copy(sqlite_template, home / "tradewind.db")
    url = f"sqlite:///{home / 'tradewind.db'}"
    with deployed(home / "home", url, DAGS, *dag_ids, **settings) as world:
        yield world


def _pods(node: NodeAgent, namespace: str, task_id: str) -> list[Pod]:
    """Return a task's pods, for whoever holds the condition."""
    found = node.pods_now(namespace)
    return [pod for pod in found if pod["metadata"]["labels"].get("task_id") == task_id]


def _started(node: NodeAgent, task_id: str) -> list[str]:
    return [name for name in node.started if name.startswith(task_id)]


def _logged(world: Deployment, run: Run, task_id: str, text: str) -> None:
    world.until(
        f"{text!r} in the log of {task_id}",
        lambda: any(text in line for line in world.lines(run, task_id)),
    )


def _release(world: Deployment, word: str) -> None:
    Path(world.env["PODS_PIPE"]).write_text(f"{word}\n", encoding="utf-8")


def test_a_pod_is_run_with_its_output_and_xcom_and_how_it_ends_is_the_tasks(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("pods")
    assert world.state(run, "says", "success", "failed").state == "success"
    _logged(world, run, "says", "[base] to says from pods")
    assert world.xcom(run, "says") == [1, 2]
    world.state(run, "doubled", "success", "failed")
    assert world.note("doubled") == [[2, 4]]

    assert world.state(run, "fails", "failed", "success").state == "failed"
    _logged(world, run, "fails", "exit code 3")
    _logged(world, run, "fails", "[base] bad luck")
    assert world.state(run, "skips", "skipped", "failed", "success").state == "skipped"
    world.state(run, "waits", "failed", "success")
    _logged(world, run, "waits", "did not start within 1 s: ImagePullBackOff")
    world.state(run, "refused", "failed", "success")
    _logged(world, run, "refused", "quantities must match")

    def checked() -> bool:
        kept = _pods(node, namespace, "fails")
        return all(pod["metadata"]["labels"].get("already_checked") == "True" for pod in kept)

    node.wait(checked)
    gone = ("says", "skips", "waits")
    node.wait(lambda: not any(_pods(node, namespace, task_id) for task_id in gone))
    (kept,) = _pods(node, namespace, "fails")
    assert kept["metadata"]["labels"]["dag_id"] == "pods"


def test_a_function_is_called_in_a_pod(world: Deployment) -> None:
    run = world.trigger("functions")
    world.state(run, "take", "success", "failed", "upstream_failed")
    assert world.note("sum") == [3], world.lines(run, "add")
    _logged(world, run, "add", f"[base] adding for {run.run_id}")


def test_a_try_goes_on_with_the_pod_of_one_whose_worker_died(
    world: Deployment, node: NodeAgent
) -> None:
    run = world.trigger("taken_over")
    _logged(world, run, "held", "[base] begun")
    (pid,) = world.note("held")
    os.kill(pid, signal.SIGKILL)
    world.until("the next try", lambda: len(world.note("held")) == 2)
    _logged(world, run, "held", "of an earlier try")
    _release(world, "and done")
    assert world.state(run, "held", "success", "failed").state == "success"
    _logged(world, run, "held", "[base] and done")
    assert len(_started(node, "held")) == 1


def test_a_task_that_is_stopped_deletes_its_pod(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("stopped")
    _logged(world, run, "stops", "[base] begun")
    node.wait(lambda: bool(_pods(node, namespace, "stops")))
    mark_run(world.db, world.signal, world.clock, run, RunState.FAILED)
    node.wait(lambda: not _pods(node, namespace, "stops"))


def test_the_triggerer_waits_for_the_pod(world: Deployment, node: NodeAgent) -> None:
    run = world.trigger("deferred")
    world.state(run, "sleeps", "deferred", "failed")
    _release(world, "awake")
    assert world.state(run, "sleeps", "success", "failed").state == "success"
    _logged(world, run, "sleeps", "[base] awake")
    assert len(_started(node, "sleeps")) == 1


def test_a_deferred_task_that_is_stopped_deletes_its_pod(
    world: Deployment, node: NodeAgent, namespace: str
) -> None:
    run = world.trigger("let_go")
    world.state(run, "left", "deferred", "failed")
    node.wait(lambda: bool(_pods(node, namespace, "left")))
    _logged(world, run, "left", "waiting for pod left-")
    mark_run(world.db, world.signal, world.clock, run, RunState.FAILED)
    node.wait(lambda: not _pods(node, namespace, "left"))
