"""The pod and the Secret of an attempt: settings, template, override, in this order.

The claim token is what lets a worker take the attempt. It stands in the Secret alone: whoever may
read pods sees neither it in the arguments nor in the environment. The Secret is owned by the pod,
so Kubernetes removes it with the pod; the pod is made first and waits for it.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tradewind.executors.kubernetes.naming import ATTEMPT, GROUP, PREFIX, pod_name
from tradewind.executors.kubernetes.policy import Allowed, violations
from tradewind.kube.labels import label_value
from tradewind.kube.pods import BASE
from tradewind.kube.template import PodJson, merge
from tradewind.wire.messages import Assignment, Launch
from tradewind.wire.remote import Ticket
from tradewind.wire.warm import KEY_NAME

TICKET_FOLDER = "/var/run/secrets/tradewind"
TICKET_KEY = "ticket"
_TICKET_VOLUME = "tradewind-ticket"


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What all pods of an installation have in common.

    template: the pod to start from. image: for the worker's container, unless template or
    override name one. command: starts a worker for one attempt, warm_command: the worker of a
    warm pod; `{ticket}` and `{key}` stand for the files with its ticket or key. env: further
    variables.
    """

    template: PodJson
    group: str
    namespace: str
    allowed: Allowed
    image: str | None
    command: tuple[str, ...]
    warm_command: tuple[str, ...] = ()
    env: dict[str, str] = {}


class Rejected(Exception):
    """This attempt can have no pod; the message says why, for the task's author."""


def build(launch: Launch, shape: Shape, override: PodJson | None = None) -> PodJson:
    """Return the pod of an attempt.

    Args:
        launch: the attempt.
        shape: what all pods share.
        override: what the task's author laid over it (`pod_override`).

    Raises:
        Rejected: the override asks for what it may not, or no image is named.
    """
    pod = wish(shape, override)
    annotations = annotations_of(launch.assignment)
    labels = _labels(launch, shape.group)
    return named(pod, pod_name(launch.attempt_id), labels, annotations, shape.command, shape)


def wish(shape: Shape, override: PodJson | None = None) -> PodJson:
    """Return what is asked of a pod, before it is anybody's.

    Raises:
        Rejected: the override asks for what it may not.
    """
    pod = copy.deepcopy(shape.template)
    if override is not None:
        wrong = violations(override, shape.allowed)
        if wrong:
            raise Rejected("pod_override is refused: " + "; ".join(wrong))
        pod = merge(pod, override)
    pod.setdefault("metadata", {}).setdefault("namespace", shape.namespace)
    return pod


def named(
    pod: PodJson,
    name: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    command: Sequence[str],
    shape: Shape,
) -> PodJson:
    """Complete a pod: whose it is, its Secret of the same name, and what it runs.

    Raises:
        Rejected: no image is named.
    """
    metadata = pod["metadata"]
    metadata["name"] = name
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    spec = pod.setdefault("spec", {})
    spec["restartPolicy"] = "Never"
    spec.setdefault("automountServiceAccountToken", False)
    spec["volumes"] = [
        *(v for v in spec.get("volumes") or [] if v.get("name") != _TICKET_VOLUME),
        {"name": _TICKET_VOLUME, "secret": {"secretName": name, "defaultMode": 0o440}},
    ]
    _complete(base_container(spec), command, shape)
    return {"apiVersion": "v1", "kind": "Pod", **pod}


def secret(launch: Launch, pod: PodJson, pod_uid: str) -> dict[str, Any]:
    """Return the Secret with an attempt's ticket.

    Args:
        launch: the attempt.
        pod: its pod, as it was sent.
        pod_uid: as the API server named it.
    """
    ticket = Ticket(attempt_id=launch.attempt_id, claim_token=launch.claim_token)
    return owned_secret(pod, pod_uid, TICKET_KEY, msgspec.json.encode(ticket))


def owned_secret(pod: PodJson, pod_uid: str, key: str, value: bytes) -> dict[str, Any]:
    """Return a pod's Secret: it has the pod's name, and goes with it.

    Args:
        pod: as it was sent.
        pod_uid: as the API server named it.
        key: under which the value stands.
        value: the secret.
    """
    metadata = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {
                name: text
                for name, text in metadata["labels"].items()
                if name.startswith(f"{PREFIX}/")
            },
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": pod_uid}
            ],
        },
        "data": {key: base64.b64encode(value).decode()},
    }


def base_container(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the worker's container; a pod without one gets it."""
    containers: list[dict[str, Any]] = spec.setdefault("containers", [])
    for container in containers:
        if container.get("name") == BASE:
            return container
    if not containers:
        containers.append({})
    containers[0]["name"] = BASE
    return containers[0]


def _complete(container: dict[str, Any], command: Sequence[str], shape: Shape) -> None:
    if not container.get("image"):
        if shape.image is None:
            raise Rejected(
                "no image is named: set kubernetes_executor.worker_container_repository and "
                "worker_container_tag, or image in the pod template or pod_override"
            )
        container["image"] = shape.image
    places = {"{ticket}": f"{TICKET_FOLDER}/{TICKET_KEY}", "{key}": f"{TICKET_FOLDER}/{KEY_NAME}"}
    container["command"] = [places.get(part, part) for part in command]
    container.pop("args", None)
    have = {entry.get("name") for entry in container.setdefault("env", [])}
    container["env"] += [
        {"name": key, "value": value} for key, value in shape.env.items() if key not in have
    ]
    mounts = [m for m in container.get("volumeMounts") or [] if m.get("mountPath") != TICKET_FOLDER]
    container["volumeMounts"] = [
        *mounts,
        {"name": _TICKET_VOLUME, "mountPath": TICKET_FOLDER, "readOnly": True},
    ]


def _labels(launch: Launch, group: str) -> dict[str, str]:
    task = launch.assignment
    return {
        GROUP: label_value(group),
        ATTEMPT: label_value(launch.attempt_id),
        "dag_id": label_value(task.run.dag_id),
        "run_id": label_value(task.run.run_id),
        "task_id": label_value(task.task_id or "callback"),
        "try_number": str(task.try_number),
        "map_index": label_value(str(task.map_index)) if task.map_index >= 0 else "none",
        f"{PREFIX}/fence": str(task.fence),
    }


def annotations_of(task: Assignment) -> dict[str, str]:
    """Return what a pod says of its attempt in full."""
    return {
        f"{PREFIX}/attempt": task.attempt_id,
        f"{PREFIX}/dag-id": task.run.dag_id,
        f"{PREFIX}/run-id": task.run.run_id,
        f"{PREFIX}/task-id": task.task_id,
        f"{PREFIX}/map-index": str(task.map_index),
        f"{PREFIX}/try-number": str(task.try_number),
    }
