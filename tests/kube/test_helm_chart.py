"""The Helm chart: clean for `helm lint`, and what it renders is what Kubernetes takes.

Every manifest is sent to the real API server as a dry run with strict validation, and the
settings that it gives to the parts are read as the parts read them.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.docs.test_deploy import command_of
from tests.kube.cluster import ROOT, Cluster
from tools import kube_assets
from tradewind.config import load_config
from tradewind.kube.template import built_in

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

CHART = ROOT / "deploy" / "helm" / "tradewind"
VALUES: dict[str, dict[str, Any]] = {
    "default": {},
    "local": {"executor": "LocalExecutor", "triggerer": {"enabled": False}},
    "celery": {
        "executor": "CeleryExecutor",
        "workers": {"replicas": 3, "queues": "fast,slow", "nodeSelector": {"disk": "ssd"}},
        "data": {"brokerUrlSecretName": "broker", "metadataSecretName": "metadata"},
        "keysSecretName": "keys",
    },
    "everything": {
        "executor": "LocalExecutor, KubernetesExecutor",
        "image": {"repository": "registry.example/tradewind", "tag": "7"},
        "imagePullSecrets": [{"name": "pull"}],
        "config": {"scheduler": {"task_instance_heartbeat_timeout": 120}},
        "env": [{"name": "TZ", "value": "UTC"}],
        "scheduler": {"replicas": 2, "podAnnotations": {"a": "b"}},
        "apiServer": {"replicas": 2, "resources": {"limits": {"memory": "1Gi"}}},
        "kubernetesExecutor": {
            "namespace": "{tasks}",
            "multiNamespaceList": ["{tasks}"],
            "podTemplate": "spec:\n  containers:\n    - {name: base, image: tasks:1}\n",
            "warmPool": {"size": 3, "port": 9000},
        },
        "ingress": {
            "apiServer": {
                "enabled": True,
                "hosts": [{"name": "tradewind.example"}],
                "tls": [{"secretName": "tls", "hosts": ["tradewind.example"]}],
            }
        },
        "dags": {"persistence": {"existingClaim": "dags", "subPath": "here"}},
        "logs": {"persistence": {"enabled": True, "storageClassName": "nfs"}},
        "networkPolicies": {"enabled": True},
        "migrateDatabaseJob": {"useHelmHooks": False},
        "createUserJob": {"enabled": True, "password": "s3cret"},
    },
}


@pytest.fixture(scope="module")
def helm() -> Path:
    program = kube_assets.built(kube_assets.HELM)
    if not program.exists():
        missing = "no helm to test with: run `make kube-assets` (needs Go)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return program


@pytest.fixture(params=VALUES)
def rendered(
    request: pytest.FixtureRequest, helm: Path, namespace: str, tmp_path: Path
) -> list[dict[str, Any]]:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(VALUES[request.param]).replace("{tasks}", namespace))
    command = ["template", "release", str(CHART), "--values", str(values)]
    text = _helm(helm, *command, "--namespace", namespace, "--kube-version", "1.36.0").stdout
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def _helm(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([helm, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def _containers(manifests: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "Job"}:
            for container in manifest["spec"]["template"]["spec"]["containers"]:
                yield manifest["metadata"]["name"], container


def test_the_chart_is_clean(helm: Path, tmp_path: Path) -> None:
    for name, given in VALUES.items():
        values = tmp_path / f"{name}.yaml"
        values.write_text(yaml.safe_dump(given).replace("{tasks}", "tasks"))
        told = _helm(helm, "lint", "--strict", str(CHART), "--values", str(values)).stdout
        assert "[WARNING]" not in told
        assert "[ERROR]" not in told


def test_kubernetes_takes_what_is_rendered(
    cluster: Cluster, namespace: str, rendered: list[dict[str, Any]]
) -> None:
    for manifest in rendered:
        version = manifest["apiVersion"]
        root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        resources = cluster.admin.must("GET", root)["resources"]
        (plural,) = {
            r["name"] for r in resources if r["kind"] == manifest["kind"] and "/" not in r["name"]
        }
        where = manifest["metadata"].get("namespace", namespace)
        path = f"{root}/namespaces/{where}/{plural}?dryRun=All&fieldValidation=Strict"
        cluster.admin.must("POST", path, manifest)


def test_the_parts_read_the_settings_that_they_are_given(
    rendered: list[dict[str, Any]], tmp_path: Path
) -> None:
    secrets = {"connection": "postgresql://u:p@h/d", "encryption-keys": "a" * 43 + "="}
    for part, container in _containers(rendered):
        env = {e["name"]: e["value"] for e in container["env"]}
        mounts = {m["mountPath"] for m in container["volumeMounts"]}
        for name, value in env.items():
            if value.startswith("/run/secrets/"):
                folder, _, file = value.rpartition("/")
                assert folder in mounts, f"{part}: nothing is mounted for {name}"
                (tmp_path / file).write_text(secrets.get(file, ""))
                env[name] = str(tmp_path / file)
        config = load_config({**env, "TRADEWIND_HOME": str(tmp_path)})
        known = {name.upper().replace(".", "__") for name in config.origins}
        for name in env:
            setting = name.removeprefix("TRADEWIND__").removesuffix("_SECRET")
            assert not name.startswith("TRADEWIND__") or setting in known, name
        knows = config.origins["database.sql_alchemy_conn"] != "default"
        assert knows is (container["name"] != "worker" or "celery" not in container["args"])


def test_the_parts_are_started_by_commands_that_there_are(rendered: list[dict[str, Any]]) -> None:
    for part, container in _containers(rendered):
        words = list(itertools.takewhile(lambda word: word[0] != "-", container["args"]))
        if words:
            assert not isinstance(command_of(words), click.Group), part


def test_no_secret_is_in_what_pods_are_told_and_no_part_may_do_more_than_it_needs(
    rendered: list[dict[str, Any]],
) -> None:
    for manifest in rendered:
        text = yaml.safe_dump(manifest)
        if manifest["kind"] not in {"Secret", "ConfigMap"}:
            assert "s3cret" not in text
            assert "postgresql://" not in text
        if manifest["kind"] in {"Deployment", "Job"}:
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            kube = any(c["name"] == "scheduler" for c in pod["containers"]) and any(
                m["kind"] == "Role" for m in rendered
            )
            assert pod["automountServiceAccountToken"] is kube
    for _, container in _containers(rendered):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_role_is_the_one_that_is_shipped(rendered: list[dict[str, Any]]) -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "executor-role.yaml").read_text())
    roles = [manifest for manifest in rendered if manifest["kind"] == "Role"]
    for role in roles:
        assert role["rules"] == shipped["rules"]
    uses = any("KubernetesExecutor" in yaml.safe_dump(c) for _, c in _containers(rendered))
    assert bool(roles) is uses
    assert not any(m["kind"].startswith("ClusterRole") for m in rendered)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"apiServer.replicas": "2"}, "logs.persistence.enabled"),
        ({"createUserJob.enabled": "true"}, "choose a password"),
    ],
)
def test_values_that_cannot_work_are_refused_with_the_way_out(
    helm: Path, values: dict[str, str], says: str
) -> None:
    settings = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    command = [str(helm), "template", "r", str(CHART), "--kube-version", "1.36.0", *settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert says in done.stderr


def test_the_image_has_what_the_chart_and_the_executor_count_on() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(re.findall(r"--extra (\S+)", dockerfile))
    assert extras <= project["optional-dependencies"].keys()
    assert {"celery", "kubernetes", "postgres", "redis", "rabbitmq"} <= extras
    (uid,) = re.findall(r"--uid (\d+)", dockerfile)
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    pod = values["securityContexts"]["pod"]
    assert int(uid) == pod["runAsUser"] == built_in()["spec"]["securityContext"]["runAsUser"]
    (program,) = re.findall(r'ENTRYPOINT \["(\w+)"\]', dockerfile)
    assert program in project["scripts"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project["version"]
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in source.split())
