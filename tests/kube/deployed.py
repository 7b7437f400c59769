"""A whole deployment whose tasks run in pods, on the tests' node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.acceptance.deployment import Deployment
from tests.kube.cluster import Cluster
from tests.kube.nodeagent import SCHEDULER

SERVER = "http://api.test"


@contextmanager
def deployed(
    cluster: Cluster,
    namespace: str,
    here: dict[str, str],
    home: Path,
    dags: str,
    **settings: str,
) -> Iterator[Deployment]:
    """Run a deployment.

    Args:
        cluster: the API server.
        namespace: of the pods.
        here: of the node agent: told where the deployment and its folders are.
        home: an empty folder.
        dags: the DAG file.
        settings: more of them, as environment variables.
    """
    template = home / "pod.yaml"
    environment = [{"name": "NOTES", "value": str(home / "home" / "notes")}]
    containers = [{"name": "base", "image": "tradewind:test", "env": environment}]
    template.write_text(
        yaml.safe_dump({"spec": {"schedulerName": SCHEDULER, "containers": containers}})
    )
    world = Deployment(
        home / "home",
        f"sqlite:///{home / 'tradewind.db'}",
        dags,
        TRADEWIND__CORE__EXECUTOR="KubernetesExecutor",
        TRADEWIND__SCHEDULER__RESUBMIT_S="20",
        TRADEWIND__KUBERNETES_EXECUTOR__NAMESPACE=namespace,
        TRADEWIND__KUBERNETES_EXECUTOR__IN_CLUSTER="false",
        TRADEWIND__KUBERNETES_EXECUTOR__CONFIG_FILE=str(cluster.kubeconfig("admin")),
        TRADEWIND__KUBERNETES_EXECUTOR__SERVER_URL=SERVER,
        TRADEWIND__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE=str(template),
        TRADEWIND__KUBERNETES_EXECUTOR__DELETE_WORKER_PODS_ON_FAILURE="true",
        **settings,
    )
    try:
        output = world.home / "output"
        found = world.until(
            "the API server's URL",
            lambda: re.search(r"http://127\.0\.0\.1:\d+", output.read_text(encoding="utf-8")),
        )
        here[SERVER] = found[0]
        here["/tmp/tradewind/"] = f"{home}/pod-{{uid}}/"
        yield world
    finally:
        world.stop()
