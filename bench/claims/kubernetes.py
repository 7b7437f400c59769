"""KubernetesExecutor on a real kube-apiserver and etcd; a node agent runs the pods' commands."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from context import SQLITE, Context, spread
from figures import Figure
from product import Product
from tests.kube import cluster as clusters
from tests.kube.cluster import Cluster, Missing
from tests.kube.nodeagent import SCHEDULER, NodeAgent
from tests.kube.world import executing, launch
from tradewind.executors.kubernetes.executor import Pace

PODS, LIVE = 400, 5000
TASKS = 201
WARM = 4
ALONE_PER_S, COLD_PER_S, WARM_PER_S = 40.0, 6.0, 40.0
REQUESTS = 4.0
RECONCILE_MS = 5.0
PACE = Pace(rate=1000, burst=64, threads=8)
SERVER = "http://api.test"
LIMIT_S = 600.0


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    try:
        with clusters.running() as cluster:
            yield from alone(context, cluster)
            yield reconcile(cluster)
            yield tasks(context, cluster, "one pod a task", COLD_PER_S, {})
            warm = {"WARM_POOL_SIZE": str(WARM), "WARM_POOL_WAIT": "300"}
            warm["WARM_POOL_MAX_TASKS"] = "100000"
            yield tasks(context, cluster, f"{WARM} warm pods", WARM_PER_S, warm)
    except Missing as error:
        print(error, file=sys.stderr)


def alone(context: Context, cluster: Cluster) -> Iterator[Figure]:
    """Pods a second when nothing runs in them, from submit until they are gone; and requests."""
    rates, requests = [], []
    for _ in range(context.times(3, 1)):
        namespace = cluster.namespace()
        launches = [launch() for _ in range(context.times(PODS, 100))]
        with (
            NodeAgent(cluster, conduct="done") as node,
            executing(cluster, namespace, pace=PACE) as (executor, watcher),
        ):
            began = time.monotonic()
            executor.submit(launches)
            watcher.until(lambda all_of=launches, w=watcher: len(w.gone()) == len(all_of), LIMIT_S)
            node.wait(lambda n=node, where=namespace: not n.pods_now(where), LIMIT_S)
            rates.append(len(launches) / (time.monotonic() - began))
            requests.append(executor.requests_sent / len(launches))
    yield Figure(
        what="Kubernetes: the executor alone, pods that end at once",
        value=statistics.median(rates),
        unit="pods/s",
        goal=ALONE_PER_S,
        at_least=True,
        details={"runs": spread(rates)},
    )
    yield Figure(
        what="Kubernetes: requests of the executor for a pod, watches apart",
        value=statistics.median(requests),
        unit="requests",
        goal=REQUESTS,
    )


def reconcile(cluster: Cluster) -> Figure:
    """The time that a full look takes when nothing has changed, with many live pods."""
    namespace = cluster.namespace()
    launches = [launch("hold") for _ in range(LIVE)]
    believed = {one.attempt_id for one in launches}
    with executing(cluster, namespace, pace=PACE) as (executor, watcher):
        executor.submit(launches)
        watcher.until(lambda: executor.pods_seen >= LIVE, LIMIT_S, full=believed)
        looks = []
        for _ in range(50):
            began = time.perf_counter()
            executor.reconcile(believed)
            looks.append((time.perf_counter() - began) * 1000)
        for at in range(0, LIVE, 500):
            executor.cancel([one.attempt_id for one in launches[at : at + 500]])
        watcher.until(lambda: executor.pods_seen == 0, LIMIT_S)
    return Figure(
        what=f"Kubernetes: a full look at {LIVE} live pods, nothing changed",
        value=statistics.median(looks),
        unit="ms",
        goal=RECONCILE_MS,
        details={"looks_ms": spread(looks)},
    )


def tasks(
    context: Context, cluster: Cluster, how: str, goal: float, settings: Mapping[str, str]
) -> Figure:
    """Tasks a second of a run of a root and 200 parallel no-ops, real commands run."""
    with running(context, cluster, settings) as product:
        product.await_dags(["wide"])
        product.run("wide", LIMIT_S)  # the first run imports the file
        runs = [product.run("wide", LIMIT_S) for _ in range(context.times(3, 1))]
    return Figure(
        what=f"Kubernetes: root + 200 parallel no-ops, {how}",
        database=SQLITE,
        value=TASKS / statistics.median(runs),
        unit="tasks/s",
        goal=goal,
        at_least=True,
        details={"runs_s": spread(runs)},
    )


@contextmanager
def running(context: Context, cluster: Cluster, settings: Mapping[str, str]) -> Iterator[Product]:
    """Run the product with pods for its tasks, and the node that runs them."""
    namespace = cluster.namespace()
    template = cluster.folder / f"{namespace}.yaml"
    containers = [{"name": "base", "image": "tradewind:bench"}]
    template.write_text(
        yaml.safe_dump({"spec": {"schedulerName": SCHEDULER, "containers": containers}}),
        encoding="utf-8",
    )
    of_executor = {
        "NAMESPACE": namespace,
        "IN_CLUSTER": "false",
        "CONFIG_FILE": str(cluster.kubeconfig("admin")),
        "SERVER_URL": SERVER,
        "POD_TEMPLATE_FILE": str(template),
        **settings,
    }
    given = {f"TRADEWIND__KUBERNETES_EXECUTOR__{key}": value for key, value in of_executor.items()}
    given["TRADEWIND__CORE__EXECUTOR"] = "KubernetesExecutor"
    here = {"python": sys.executable}
    with (
        NodeAgent(cluster, here=here),
        context.product(SQLITE, ["wide"], given) as product,
    ):
        here[SERVER] = f"http://127.0.0.1:{product.port}"
        here["/tmp/tradewind/"] = f"{Path(product.home)}/pod-{{uid}}/"  # noqa: S108  the pod's
        yield product
