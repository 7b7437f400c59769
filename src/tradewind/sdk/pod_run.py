"""A pod of an operator's own, from its creation to its end.

Every request is repeated while the API server is away or busy, up to a limit. The pod's output
is followed line by line; when the stream breaks it is taken up where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.kube import answers
from tradewind.kube.answers import Answer
from tradewind.kube.pacing import pause_s
from tradewind.kube.pods import BASE, Pod, Stage, Verdict, judge
from tradewind.kube.template import PodJson
from tradewind.sdk import current
from tradewind.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from tradewind.kube.api import KubeApi, Reply

log = logging.getLogger("tradewind.task")

_MOST_FAILURES = 10
"""Pauses double up to a minute: so often an API server may be away, some five minutes."""
_QUIET_S = 30.0
"""After so long without a line it is looked whether the pod is still there."""


class PodGone(AirflowException):
    """The pod is not there any more."""


class _Found(msgspec.Struct):
    items: list[Pod] = []


class PodRun:
    """Requests about the pods of one task.

    Args:
        api: the cluster.
        namespace: of the pods.
        poll_s: between two looks at a pod that has nothing to follow.
    """

    def __init__(self, api: KubeApi, namespace: str, poll_s: float) -> None:
        self._api = api
        self._namespace = namespace
        self._poll_s = poll_s

    def find(self, labels: Mapping[str, str], unchecked: str) -> Pod | None:
        """Return the newest pod with these labels whose end nobody has taken note of yet."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        selector += f",{unchecked}!=True"
        reply = self._asked(
            lambda: self._api.list("pods", self._namespace, labels=selector), "finding its pod"
        )
        found = msgspec.json.decode(reply.body, type=_Found).items
        alive = [pod for pod in found if pod.metadata.deletion_timestamp is None]
        return max(alive, key=_age) if alive else None

    def create(self, pod: PodJson) -> Pod:
        """Create a pod; one that is there under this name is the one.

        Raises:
            AirflowException: the API server refuses it.
        """
        name = pod["metadata"]["name"]
        reply = self._asked(
            lambda: self._api.create("pods", self._namespace, pod), f"creating pod {name}"
        )
        if reply.status == 409:
            return self.read(name)
        return msgspec.json.decode(reply.body, type=Pod)

    def read(self, name: str) -> Pod:
        """Return a pod as it is now.

        Raises:
            PodGone: it is not there.
        """
        reply = self._asked(
            lambda: self._api.read("pods", self._namespace, name), f"reading pod {name}"
        )
        if reply.status == 404:
            raise PodGone(f"pod {self._namespace}/{name} is gone: somebody deleted it, or its node")
        return msgspec.json.decode(reply.body, type=Pod)

    def await_start(self, name: str, timeout_s: float) -> Pod:
        """Wait until a pod runs or has ended; why it waits goes to the log.

        Raises:
            AirflowException: it does not start in time.
        """
        waiter, told = current.waiter(), ""
        deadline = waiter.monotonic() + timeout_s
        while True:
            pod = self.read(name)
            verdict = judge(pod)
            if verdict.stage is not Stage.WAITS:
                return pod
            if verdict.reason and verdict.reason != told:
                told = verdict.reason
                log.warning("pod %s waits: %s", name, told)
            if waiter.monotonic() >= deadline:
                raise AirflowException(self.late(pod, verdict, timeout_s))
            waiter.wait(self._poll_s)

    def late(self, pod: Pod, verdict: Verdict, timeout_s: float) -> str:
        """Log what Kubernetes says of a pod that did not start in time; return it in short."""
        self.explain(pod, verdict)
        why = verdict.reason or "no reason given"
        return f"pod {pod.metadata.name} did not start within {timeout_s:g} s: {why}"

    def explain(self, pod: Pod, verdict: Verdict) -> None:
        """Log Kubernetes' events about a pod."""
        from tradewind.kube.explain import explanation  # noqa: PLC0415  it needs the client

        for line in explanation(self._api, pod, verdict, output=False):
            log.warning("%s", line)

    def follow(self, name: str, container: str = BASE, *, show: bool = True) -> Verdict:
        """Log a pod's output until the pod has ended, and return how it did."""
        position = _Position()
        while True:
            if show:
                self._follow_once(name, container, position)
            verdict = judge(self.read(name))
            if verdict.stage is Stage.ENDED:
                if show:
                    self._follow_once(name, container, position)  # what came meanwhile
                return verdict
            current.waiter().wait(self._poll_s)

    def output(self, name: str, container: str) -> str:
        """Return the output of a container that has ended."""
        reply = self._asked(
            lambda: self._api.log(self._namespace, name, container=container),
            f"reading what {container} of pod {name} says",
        )
        return reply.body.decode(errors="replace") if reply.status == 200 else ""

    def mark(self, name: str, label: str) -> None:
        """Label a pod that stays: its end is taken note of."""
        self._try(lambda: self._api.label("pods", self._namespace, name, {label: "True"}), "label")

    def delete(self, name: str, grace_s: int | None = None) -> None:
        """Delete a pod, as well as may be."""
        self._try(
            lambda: self._api.delete("pods", self._namespace, name, grace_s=grace_s), "delete"
        )

    def _follow_once(self, name: str, container: str, position: _Position) -> None:
        import urllib3  # noqa: PLC0415  comes with the client

        try:
            with self._api.follow_log(
                self._namespace, name, container=container, since=position.second, quiet_s=_QUIET_S
            ) as (status, lines):
                for text in position.new(lines) if status == 200 else ():
                    log.info("[%s] %s", container, text)
        except (urllib3.exceptions.HTTPError, OSError):
            return  # quiet for a while, or broken: the caller looks, and goes on from here

    def _asked(self, ask: Callable[[], Reply], what: str) -> Reply:
        failures = 0
        while True:
            reply = ask()
            if reply.status in {404, 409}:
                return reply
            judged = answers.judge(answers.CREATE, reply.status, reply.body, reply.retry_after)
            if judged.answer is Answer.DONE:
                return reply
            failures += 1
            if judged.answer is Answer.REFUSED or failures >= _MOST_FAILURES:
                raise AirflowException(f"{what} failed: {judged.reason or reply.body.decode()}")
            log.warning("%s: %s; trying again", what, judged.reason)
            current.waiter().wait(pause_s(failures, judged.retry_after_s, 0.5))

    def _try(self, ask: Callable[[], Reply], verb: str) -> None:
        try:
            self._asked(ask, f"to {verb} its pod")
        except AirflowException as error:
            log.warning("%s", error)


class _Position:
    """How far a container's output was read: the time of the last line, and which it was."""

    def __init__(self) -> None:
        self.second = ""
        self._last = ("", "")

    def new(self, lines: Iterator[bytes]) -> Iterator[str]:
        """Yield the texts of the lines that were not read before."""
        before = self._last
        for line in lines:
            time, _, text = line.decode(errors="replace").partition(" ")
            key = _sortable(time)
            if key <= before:
                continue
            self._last = key
            self.second = f"{key[0]}Z"
            yield text


def _sortable(time: str) -> tuple[str, str]:
    """Return a time of the API server (RFC 3339, UTC, zeros dropped at the end) to compare by."""
    second, _, fraction = time.removesuffix("Z").partition(".")
    return second, fraction.ljust(9, "0")


def _age(pod: Pod) -> Any:
    return (pod.metadata.creation_timestamp is not None, pod.metadata.creation_timestamp)
