"""What cannot work says why: on the task, in the health check, and to whoever asks the doctor."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.deployment import deployed
from tests.kube.cluster import Cluster
from tests.kube.world import executing, launch
from tradewind.config import load_config
from tradewind.errors import ConfigError
from tradewind.executors.base import Pending, Refused
from tradewind.executors.kubernetes.configured import build
from tradewind.executors.kubernetes.shaping import shape_of
from tradewind.kube.api import Access, KubeApi
from tradewind.store import components

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAGS = """
from tradewind.sdk import DAG, task

with DAG("waits"):
    @task
    def here():
        pass
    here()
"""


@pytest.fixture
def nobody() -> Iterator[str]:
    """The address of an API server that is not there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        yield f"https://127.0.0.1:{held.getsockname()[1]}"


def _config(**settings: str) -> Any:
    named = {f"TRADEWIND__KUBERNETES_EXECUTOR__{k.upper()}": v for k, v in settings.items()}
    server = {"TRADEWIND__KUBERNETES_EXECUTOR__SERVER_URL": "http://api.test"}
    return load_config({"TRADEWIND_HOME": "/nowhere", **server, **named})


def test_no_cluster_is_told_on_the_task_in_the_health_check_and_by_the_doctor(
    cluster: Cluster, namespace: str, nobody: str, sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "tradewind.db")
    settings = {
        "NAMESPACE": namespace,
        "IN_CLUSTER": "false",
        "CONFIG_FILE": str(cluster.kubeconfig("admin", nobody)),
        "SERVER_URL": "http://api.test",
        "WORKER_CONTAINER_REPOSITORY": "tradewind",
    }
    given = {f"TRADEWIND__KUBERNETES_EXECUTOR__{key}": value for key, value in settings.items()}
    given["TRADEWIND__CORE__EXECUTOR"] = "KubernetesExecutor"
    url = f"sqlite:///{tmp_path / 'tradewind.db'}"
    says = f"the API server does not answer: {nobody}"

    def ask(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "tradewind.cli", *arguments, "-o", "json"],
            env=world.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return json.loads(done.stdout)

    def told() -> str:
        scheduler = components.latest(world.db, "scheduler")
        found = (scheduler.executors if scheduler is not None else None) or {}
        return found.get("KubernetesExecutor", {}).get(namespace, "")

    with deployed(tmp_path / "home", url, DAGS, "waits", **given) as world:
        run = world.trigger("waits")
        world.until("the scheduler says so", lambda: says in told())
        findings = {f["what"]: f for f in ask("doctor")}
        assert findings["executors"]["status"] == "problem"
        assert says in findings["executors"]["about"]
        world.until(
            "the reason on the task",
            lambda: says in json.dumps(ask("tasks", "why", "waits", run.run_id, "here")),
        )


def test_a_token_that_is_wrong_is_told(cluster: Cluster, namespace: str) -> None:
    wrong = cluster.kubeconfig("admin")
    document = yaml.safe_load(wrong.read_text())
    document["users"][0]["user"]["token"] = "of somebody else"
    wrong.write_text(yaml.safe_dump(document))
    one = launch()
    with executing(cluster, namespace, config_file=wrong) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: any(isinstance(f, Refused) for f in watcher.facts))
        watcher.until(lambda: "401" in executor.troubles().get(namespace, ""))
    (refused,) = [f for f in watcher.facts if isinstance(f, Refused)]
    assert "Kubernetes says 401: Unauthorized" in refused.reason


def test_no_cluster_is_no_end_of_the_task(cluster: Cluster, namespace: str, nobody: str) -> None:
    one = launch()
    with executing(cluster, namespace, address=nobody) as (executor, watcher):
        executor.submit([one])
        watcher.until(lambda: any(isinstance(f, Pending) for f in watcher.facts))
        assert not watcher.gone()
    (first, *_) = [f for f in watcher.facts if isinstance(f, Pending)]
    assert nobody in first.reason
    assert first.in_turn, "it waits as it should: its time in the queue counts from when it is back"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "nowhere"),
        ("{not yaml", "config_file"),
        ("apiVersion: v1\nkind: Config\n", "config_file"),
    ],
)
def test_a_kubeconfig_that_is_none_is_refused_at_the_start(
    tmp_path: Path, content: str | None, says: str
) -> None:
    file = tmp_path / "nowhere"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=says) as refused:
        KubeApi(Access(in_cluster=False, config_file=file))
    assert str(refused.value).startswith("kubernetes_executor.config_file: there is no way")


def test_outside_of_a_cluster_there_is_no_service_account() -> None:
    config = _config(in_cluster="true", worker_container_repository="tradewind")
    with pytest.raises(ConfigError, match=r"kubernetes_executor\.in_cluster: there is no way"):
        build(config, None, lambda: None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "says"),
    [("kind: Job\n", "kind is 'Job'"), ("a: [", "is not YAML"), ("spec: 1\n", "spec is not")],
)
def test_a_template_that_is_no_pod_is_refused_at_the_start(
    tmp_path: Path, template: str, says: str
) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(template)
    with pytest.raises(ConfigError, match=says) as refused:
        shape_of(_config(pod_template_file=str(file)))
    assert "kubernetes_executor.pod_template_file" in str(refused.value)


def test_a_warm_pool_without_an_image_is_refused_at_the_start(
    cluster: Cluster, tmp_path: Path
) -> None:
    given = {"config_file": str(cluster.kubeconfig("admin")), "in_cluster": "false"}
    config = load_config(
        {
            "TRADEWIND_HOME": str(tmp_path),
            "TRADEWIND__DATABASE__ENCRYPTION_KEYS": "a" * 43 + "=",
            **{
                f"TRADEWIND__KUBERNETES_EXECUTOR__{key.upper()}": value
                for key, value in {
                    **given,
                    "server_url": "http://api.test",
                    "warm_pool_size": "2",
                }.items()
            },
        }
    )
    with pytest.raises(ConfigError, match=r"warm_pool_size: no image is named"):
        build(config, None, lambda: None)  # type: ignore[arg-type]


def test_a_task_without_an_image_is_refused_with_the_way_out(
    cluster: Cluster, namespace: str
) -> None:
    one = launch()
    with executing(cluster, namespace, image=None) as (executor, _):
        (refused,) = executor.submit([one])
    assert refused.permanent
    assert "worker_container_repository" in refused.reason
