"""What a person wants to read in the task's log when a pod did not do what it should."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tradewind.kube.api import KubeApi
from tradewind.kube.pods import BASE, Pod, Verdict

_LOG_LINES = 50
_EVENTS = 20


class _EventMetadata(msgspec.Struct, rename="camel"):
    creation_timestamp: datetime | None = None


class _KubeEvent(msgspec.Struct, rename="camel"):
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = 1
    metadata: _EventMetadata = msgspec.field(default_factory=_EventMetadata)


class _Events(msgspec.Struct):
    items: list[_KubeEvent] = []


def explanation(api: KubeApi, pod: Pod, verdict: Verdict, *, output: bool = True) -> list[str]:
    """Return the lines for the task's log: the reason, Kubernetes' events, the pod's last output.

    Args:
        api: where to ask.
        pod: whose end it is.
        verdict: what it was judged to be.
        output: whether the pod's last output is wanted, too.
    """
    name, namespace = pod.metadata.name, pod.metadata.namespace
    lines = [f"Kubernetes: pod {name} in namespace {namespace}: {verdict.reason}"]
    lines += _events(api, pod)
    if verdict.started and output:
        reply = api.log(namespace, name, lines=_LOG_LINES, container=BASE)
        if reply.status == 200 and reply.body:
            lines.append("Kubernetes: the pod's last output:")
            lines += reply.body.decode(errors="replace").splitlines()
    return lines


def _events(api: KubeApi, pod: Pod) -> list[str]:
    fields = f"involvedObject.uid={pod.metadata.uid}"
    reply = api.list("events", pod.metadata.namespace, fields=fields)
    if reply.status != 200:
        return [f"Kubernetes: its events cannot be read (answer {reply.status})"]
    try:
        events = msgspec.json.decode(reply.body, type=_Events).items
    except msgspec.DecodeError:
        return ["Kubernetes: its events are not understood"]
    return [
        f"Kubernetes: {event.type} {event.reason}"
        + (f" ({event.count} times)" if event.count and event.count > 1 else "")
        + f": {event.message}"
        for event in events[-_EVENTS:]
    ]
