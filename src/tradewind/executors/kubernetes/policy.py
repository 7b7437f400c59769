"""What a DAG's author may not ask of a pod.

The operator's template is trusted; `pod_override` is not. Whoever may write a DAG may not thereby
become root on a node, reach another namespace, or borrow another service account.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.kube.template import PodJson, shape_problem

_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SERVER_OWNED = ("name", "generateName", "uid", "ownerReferences", "finalizers")


class Allowed(msgspec.Struct, frozen=True):
    """What overrides may name beyond the template."""

    namespaces: tuple[str, ...]
    service_accounts: tuple[str, ...] = ()


def violations(override: object, allowed: Allowed) -> list[str]:
    """Return what is not allowed in an override, each as a phrase that names the field."""
    problem = shape_problem(override)
    if problem:
        return [problem]
    assert isinstance(override, dict)
    spec: PodJson = override.get("spec") or {}
    found = _in_metadata(override.get("metadata") or {}, allowed) + _in_spec(spec, allowed)
    for name, volume in _items(spec.get("volumes")):
        found += _in_volume(name, volume)
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for name, container in _items(spec.get(kind)):
            found += _in_container(name, container)
    return found


def _in_spec(spec: PodJson, allowed: Allowed) -> list[str]:
    found = [f"spec.{name} is not allowed" for name in _HOST if spec.get(name)]
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account and account not in allowed.service_accounts:
        found.append(
            f"spec.serviceAccountName {account!r} is not in kubernetes_executor.service_accounts"
        )
    if spec.get("automountServiceAccountToken"):
        found.append("spec.automountServiceAccountToken true is not allowed")
    if spec.get("nodeName"):
        found.append("spec.nodeName is not allowed; use nodeSelector or affinity")
    if spec.get("restartPolicy", "Never") != "Never":
        found.append("spec.restartPolicy must be Never: an attempt starts once")
    context = spec.get("securityContext") or {}
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        found.append("spec.securityContext runs it as root, which is not allowed")
    return found


def _in_volume(name: str, volume: dict[str, Any]) -> list[str]:
    found = []
    if "hostPath" in volume:
        found.append(f"volume {name!r} uses hostPath, which is not allowed")
    if any("serviceAccountToken" in source for _, source in _items(_sources(volume))):
        found.append(f"volume {name!r} projects a service account's token: not allowed")
    return found


def _in_metadata(metadata: dict[str, Any], allowed: Allowed) -> list[str]:
    found = [f"metadata.{name} is not allowed" for name in _SERVER_OWNED if metadata.get(name)]
    namespace = metadata.get("namespace")
    if namespace and namespace not in allowed.namespaces:
        found.append(
            f"metadata.namespace {namespace!r} is not one of {', '.join(allowed.namespaces)}"
        )
    for kind in ("labels", "annotations"):
        taken = [key for key in metadata.get(kind) or {} if str(key).startswith("tradewind/")]
        found += [f"metadata.{kind} {key!r} is Tradewind's own" for key in taken]
    return found


def _in_container(name: str, container: dict[str, Any]) -> list[str]:
    context = container.get("securityContext") or {}
    found = []
    if context.get("privileged"):
        found.append(f"container {name!r} is privileged, which is not allowed")
    if context.get("allowPrivilegeEscalation"):
        found.append(f"container {name!r}: allowPrivilegeEscalation is not allowed")
    if (context.get("capabilities") or {}).get("add"):
        found.append(f"container {name!r}: capabilities.add is not allowed")
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        found.append(f"container {name!r} runs as root, which is not allowed")
    if any(port.get("hostPort") for _, port in _items(container.get("ports"))):
        found.append(f"container {name!r}: hostPort is not allowed")
    return found


def _sources(volume: dict[str, Any]) -> Any:
    projected = volume.get("projected")
    return projected.get("sources") if isinstance(projected, dict) else None


def _items(listed: Any) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(listed, list):
        return []
    return [(str(item.get("name", "")), item) for item in listed if isinstance(item, dict)]
