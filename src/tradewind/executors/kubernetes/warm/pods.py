"""What warm pods are like: the pod of a task without an override, which runs a door."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from tradewind.executors.kubernetes.naming import GROUP, WARM
from tradewind.executors.kubernetes.podspec import Shape, base_container, named, owned_secret, wish
from tradewind.kube.labels import label_value
from tradewind.kube.template import PodJson
from tradewind.wire.sealed import derive
from tradewind.wire.warm import KEY_NAME

ADDRESS = "TRADEWIND_POD_IP"
"""Variable with the pod's own address, which Kubernetes sets."""


class WarmPods:
    """Make and recognise the warm pods of an installation."""

    def __init__(self, shape: Shape, secret: bytes) -> None:
        """Settle what they are like.

        Args:
            shape: what all pods have in common.
            secret: of the installation; each pod's key follows from it and the pod's name.
        """
        self._shape = shape
        self._secret = secret
        self._plain = wish(shape)
        asked = [self._plain, shape.image, shape.warm_command, shape.env]
        digest = hashlib.sha256(msgspec.json.encode(asked, order="deterministic"))
        digest.update(derive(secret, b"", b"tradewind warm pods: which secret"))
        self.fingerprint = digest.hexdigest()[:32]
        """Pods made from other settings, or under another secret, have another one."""

    def match(self, override: PodJson | None) -> bool:
        """Tell whether an attempt with this override may run in a warm pod.

        Raises:
            Rejected: it may run nowhere.
        """
        return override is None or wish(self._shape, override) == self._plain

    def make(self, name: str) -> PodJson:
        """Return a pod as it is created.

        Raises:
            Rejected: no image is named.
        """
        shape = self._shape
        labels = {GROUP: label_value(shape.group), WARM: self.fingerprint}
        pod = named(wish(shape), name, labels, {}, shape.warm_command, shape)
        address = {"name": ADDRESS, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        base_container(pod["spec"])["env"].append(address)
        return pod

    def make_secret(self, pod: PodJson, uid: str) -> dict[str, Any]:
        """Return the Secret with a pod's key. uid: the pod's."""
        return owned_secret(pod, uid, KEY_NAME, self.key(pod["metadata"]["name"]))

    def key(self, name: str) -> bytes:
        """Return the key of a pod."""
        return derive(self._secret, name.encode(), b"tradewind warm pods: key of one")
