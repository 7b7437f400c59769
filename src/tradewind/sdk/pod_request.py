"""The pod that an operator asks for: a template, and the operator's arguments laid over it. Pure.

Whatever the official client has a model for (V1Volume, V1Affinity, …) may be given as such or as
a dict with Kubernetes' own keys.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tradewind.kube.labels import label_value
from tradewind.kube.pods import BASE
from tradewind.kube.template import PodJson, merge

XCOM_FOLDER = "/airflow/xcom"
XCOM_FILE = f"{XCOM_FOLDER}/return.json"
XCOM_CONTAINER = "airflow-xcom-sidecar"
CHECKED = "already_checked"
"""Label of a pod whose end some try has taken note of already; Airflow's."""

_XCOM_VOLUME = "xcom"
_XCOM_READY = f"{XCOM_FOLDER}/.ready"
_LONGEST_NAME = 63
_SUFFIX = 10
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")


def labels_of(ti: Any) -> dict[str, str]:
    """Return what marks the pods of a task instance, whatever the try; the keys are Airflow's."""
    return {
        "dag_id": label_value(ti.dag_id),
        "task_id": label_value(ti.task_id),
        "run_id": label_value(ti.run_id),
        "map_index": str(ti.map_index) if ti.map_index >= 0 else "none",
        "kubernetes_pod_operator": "True",
    }


def name_of(name: str, ti: Any) -> str:
    """Return the name of the pod of one try: asking twice makes one pod."""
    identity = "\0".join(map(str, (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)))
    suffix = hashlib.sha256(identity.encode()).hexdigest()[:_SUFFIX]
    kept = _NOT_IN_NAMES.sub("-", name.lower()).strip("-")
    return f"{kept[: _LONGEST_NAME - _SUFFIX - 1].rstrip('-') or 'pod'}-{suffix}"


def environment(env: Mapping[str, str] | Sequence[Any] | None) -> list[Any]:
    """Return environment variables as Kubernetes wants them."""
    if isinstance(env, Mapping):
        return [{"name": name, "value": str(value)} for name, value in env.items()]
    return list(env or ())


def pod_request(
    template: PodJson,
    *,
    metadata: Mapping[str, Any],
    spec: Mapping[str, Any],
    container: Mapping[str, Any],
    sidecar_image: str | None,
) -> PodJson:
    """Return a pod as it is created.

    Args:
        template: what to start from.
        metadata: laid over the template's; as the rest, without what is empty.
        spec: likewise.
        container: likewise, over the container named `base` or the first.
        sidecar_image: of the container that keeps the XCom; "": that of the base container; None:
            no XCom is wanted.
    """
    above = {
        "metadata": _given(metadata),
        "spec": {**_given(spec), "containers": [{"name": BASE, **_given(container)}]},
    }
    pod = merge(template, above)
    pod["spec"]["restartPolicy"] = "Never"
    if sidecar_image is not None:
        _keep_xcom(pod, sidecar_image)
    return {"apiVersion": "v1", "kind": "Pod", **pod}


def base_container(pod: PodJson) -> dict[str, Any]:
    """Return the container whose end is the pod's."""
    containers: list[dict[str, Any]] = pod["spec"]["containers"]
    return next(container for container in containers if container["name"] == BASE)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: copy.deepcopy(v) for k, v in values.items() if v is not None and v not in ({}, [])}


def _keep_xcom(pod: PodJson, image: str) -> None:
    """Add a sidecar that shows the file once the base container has ended.

    It is an init container that goes on (Kubernetes 1.29): Kubernetes ends it after the others,
    and then it writes the file to its output, where it can be read with the right to read logs.
    """
    spec = pod["spec"]
    base = base_container(pod)
    mount = {"name": _XCOM_VOLUME, "mountPath": XCOM_FOLDER}
    base["volumeMounts"] = [*(base.get("volumeMounts") or ()), mount]
    spec["volumes"] = [*(spec.get("volumes") or ()), {"name": _XCOM_VOLUME, "emptyDir": {}}]
    told = f"exec 2>/dev/null; trap 'cat {XCOM_FILE}; exit 0' TERM; : > {_XCOM_READY}"
    show = f"{told}; while :; do sleep 3600 & wait $!; done"
    sidecar = {
        "name": XCOM_CONTAINER,
        "image": image or base.get("image"),
        "command": ["sh", "-c", show],
        "restartPolicy": "Always",
        # The others start once it listens: a container may end within milliseconds.
        "startupProbe": {
            "exec": {"command": ["test", "-e", _XCOM_READY]},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
        "volumeMounts": [mount],
        "resources": {"requests": {"cpu": "1m", "memory": "10Mi"}},
    }
    if base.get("securityContext"):
        sidecar["securityContext"] = copy.deepcopy(base["securityContext"])
    spec["initContainers"] = [*(spec.get("initContainers") or ()), sidecar]
