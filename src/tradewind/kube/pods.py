"""What a pod's status says about its attempt.

A pod waits, runs or has ended; only its `status` tells, never the order in which events came.
The worker's container is named `base`, or is the first one. What ended it is looked for in this
order: what Kubernetes says of the pod (evicted, preempted, node lost), then what it says of the
container (OOMKilled, exit code), so that a reason is always the nearest to the cause.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

BASE = "base"
_SIGNALS_FROM = 128


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    """How a container ended."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""


class Waiting(msgspec.Struct, frozen=True, rename="camel"):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, frozen=True, rename="camel"):
    """One of these is set."""

    waiting: Waiting | None = None
    running: dict[str, Any] | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """A container."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """A condition of a pod."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What of a pod's metadata matters here."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What of a pod's status matters here."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A pod, as far as an executor looks at it."""

    metadata: Metadata = Metadata()
    status: Status = Status()


class Stage(Enum):
    """Where a pod is."""

    WAITS = "waits"
    RUNS = "runs"
    ENDED = "ended"


class Verdict(msgspec.Struct, frozen=True):
    """What a pod says.

    reason: why it waits, or how it ended; empty when there is nothing to say.
    started: the worker's container has run.
    """

    stage: Stage
    reason: str = ""
    started: bool = False
    exit_code: int | None = None
    exit_signal: int | None = None


_PATIENCE = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons for waiting that every pod has for a while."""


def judge(pod: Pod) -> Verdict:
    """Return what a pod's status says."""
    status = pod.status
    base = _base(status)
    if status.phase in {"Succeeded", "Failed"}:
        return _ended(status, base)
    if status.phase == "Running":
        return Verdict(Stage.RUNS, started=True)
    if status.phase == "Unknown":
        return Verdict(Stage.RUNS, reason="its node does not answer", started=True)
    return Verdict(Stage.WAITS, reason=_waits(status))


def _base(status: Status) -> ContainerStatus | None:
    named = [c for c in status.container_statuses if c.name == BASE]
    found = named or status.container_statuses
    return found[0] if found else None


def _waits(status: Status) -> str:
    for container in (*status.init_container_statuses, *status.container_statuses):
        waiting = container.state.waiting
        if waiting is not None and waiting.reason not in _PATIENCE:
            return _joined(waiting.reason, waiting.message)
    for condition in status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return _joined(condition.reason or "Unschedulable", condition.message)
    return ""


def _ended(status: Status, base: ContainerStatus | None) -> Verdict:
    ended = base.state.terminated if base is not None else None
    of_pod = _joined(status.reason, status.message) if status.reason else _disrupted(status)
    if ended is None:
        failed_init = next(
            (
                _joined(f"init container {c.name} failed", c.state.terminated.reason)
                for c in status.init_container_statuses
                if c.state.terminated is not None and c.state.terminated.exit_code
            ),
            "",
        )
        reason = of_pod or failed_init or f"its pod is {status.phase} and no container ran"
        return Verdict(Stage.ENDED, reason, started=status.phase == "Succeeded")
    code = ended.exit_code
    signal = ended.signal or (code - _SIGNALS_FROM if code > _SIGNALS_FROM else 0)
    return Verdict(
        Stage.ENDED,
        of_pod or _of_container(ended, signal),
        started=True,
        exit_code=None if signal else code,
        exit_signal=signal or None,
    )


def _of_container(ended: Terminated, signal: int) -> str:
    if ended.reason == "OOMKilled":
        return "OOMKilled: the container used more memory than its limit"
    how = f"signal {signal}" if signal else f"exit code {ended.exit_code}"
    if ended.reason in {"", "Error", "Completed"}:
        return f"its container ended with {how}"
    return _joined(f"its container ended with {how} ({ended.reason})", ended.message)


def _disrupted(status: Status) -> str:
    for condition in status.conditions:
        if condition.type == "DisruptionTarget" and condition.status == "True":
            return _joined(condition.reason, condition.message)
    return ""


def _joined(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason
