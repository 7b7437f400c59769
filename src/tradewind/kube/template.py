"""Pods as JSON: the built-in template, an operator's file, and laying one pod over another.

Merging is Kubernetes' strategic merge, as far as pods need it: maps are merged, named lists are
merged by the key that names their items, other lists are appended. `None` removes. The worker's
container is the one named `base`, or the first: an override whose first container has another
name means that one too, as in Airflow.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from tradewind.errors import ConfigError
from tradewind.kube.pods import BASE

PodJson = dict[str, Any]

_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
}
"""Lists that are merged by item, and what names an item."""

_ATOMIC = frozenset({"command", "args"})
"""Lists that are replaced whole."""


def built_in() -> PodJson:
    """Return the pod that tasks run in when the operator gives no template."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 50000,
                "fsGroup": 50000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": BASE,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def load(path: Path) -> PodJson:
    """Return the pod of a template file.

    Raises:
        ConfigError: it cannot be read or is not a pod.
    """
    setting = "kubernetes_executor.pod_template_file"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{setting}: {path} is not YAML: {error}") from error
    problem = shape_problem(found)
    if problem:
        raise ConfigError(f"{setting}: {path}: {problem}")
    return merge(_without_containers(built_in(), found), found)


def shape_problem(pod: object) -> str:
    """Say what is wrong with the outermost shape of a pod; empty: nothing."""
    if not isinstance(pod, dict):
        return "it is not a mapping"
    if pod.get("kind", "Pod") != "Pod":
        return f"its kind is {pod['kind']!r}, not Pod"
    for name in ("metadata", "spec"):
        if not isinstance(pod.get(name) or {}, dict):
            return f"its {name} is not a mapping"
    containers = (pod.get("spec") or {}).get("containers") or []
    if not isinstance(containers, list) or not all(isinstance(c, dict) for c in containers):
        return "its spec.containers is not a list of mappings"
    return ""


def merge(below: PodJson, above: PodJson) -> PodJson:
    """Return a pod with another laid over it; neither is changed."""
    above = _named_base(copy.deepcopy(above))
    merged = _merged(copy.deepcopy(_named_base(copy.deepcopy(below))), above)
    assert isinstance(merged, dict)
    return merged


def _without_containers(defaults: PodJson, pod: PodJson) -> PodJson:
    """An operator's own container says itself what it may do; the pod's defaults stay."""
    if (pod.get("spec") or {}).get("containers"):
        defaults["spec"]["containers"] = []
    return defaults


def _named_base(pod: PodJson) -> PodJson:
    containers = (pod.get("spec") or {}).get("containers") or []
    if containers and not any(c.get("name") == BASE for c in containers):
        containers[0]["name"] = BASE
    return pod


def _merged(below: Any, above: Any, name: str = "") -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        for key, value in above.items():
            if value is None:
                below.pop(key, None)
            else:
                below[key] = _merged(below.get(key), value, key)
        return below
    if isinstance(below, list) and isinstance(above, list) and name not in _ATOMIC:
        key = _KEYS.get(name)
        return (
            _merged_list(below, above, key) if key else below + [x for x in above if x not in below]
        )
    return above


def _merged_list(below: list[Any], above: list[Any], key: str) -> list[Any]:
    places = {item.get(key): n for n, item in enumerate(below) if isinstance(item, dict)}
    for item in above:
        place = places.get(item.get(key)) if isinstance(item, dict) else None
        if place is None:
            below.append(item)
        else:
            below[place] = _merged(below[place], item)
    return below
