"""Follow a namespace's pods: list, then watch from there, and list again now and then.

The list is the truth. The watch brings changes sooner; when it is refused as too old (410) or says
something that is not understood, the next list puts everything right; one that only breaks goes on
where it was. Bookmarks keep the
place in a quiet namespace, so that a watch that ends in the ordinary way goes on without a list.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Self

import msgspec
import urllib3

from tradewind.clock import Clock
from tradewind.kube.api import KubeApi
from tradewind.kube.pacing import pause_s
from tradewind.kube.pods import Pod

log = logging.getLogger(__name__)


class ListMetadata(msgspec.Struct, rename="camel"):
    """Of a page of a list."""

    resource_version: str = ""
    continues: str = msgspec.field(default="", name="continue")


class PodList(msgspec.Struct):
    """A page of a list of pods."""

    metadata: ListMetadata
    items: list[Pod] = []


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw = msgspec.Raw(b"{}")


class Sink:
    """What a follower tells; see `Ledger`."""

    def __init__(
        self,
        tick: Callable[[], int],
        listed: Callable[[str, list[Pod], int], None],
        seen: Callable[[Pod], None],
        removed: Callable[[Pod], None],
        trouble: Callable[[str, str], None],
    ) -> None:
        self.tick = tick
        self.listed = listed
        self.seen = seen
        self.removed = removed
        self.trouble = trouble


class Follower:
    """A thread that follows the pods of one namespace."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        labels: str,
        sink: Sink,
        clock: Clock,
        *,
        relist_s: float,
        watch_s: int,
        jitter: Callable[[], float],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._labels = labels
        self._sink = sink
        self._clock = clock
        self._relist_s = relist_s
        self._watch_s = watch_s
        self._jitter = jitter
        self._stopping = threading.Event()
        self._failures = 0
        self._version = ""
        self._list_at = 0.0
        self._thread = threading.Thread(
            target=self._run, name=f"kubernetes-watch-{namespace}", daemon=True
        )

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop; a watch that is open is left to its own end."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            problem = ""
            try:
                if not self._version or self._clock.monotonic() >= self._list_at:
                    problem = self._list()
                if not problem:
                    problem = self._watch()
            except Exception:
                log.exception("following pods in %s failed by a fault of ours", self._namespace)
                self._version = ""
                problem = "a fault of Tradewind's own; see the scheduler's log"
            if problem:
                self._failures += 1
                self._sink.trouble(self._namespace, problem)
                log.warning("pods in %s: %s; looking again", self._namespace, problem)
                self._stopping.wait(pause_s(self._failures, None, self._jitter()))
            elif not self._version:
                self._stopping.wait(pause_s(1, None, self._jitter()))  # too old: not in a hot loop

    def _list(self) -> str:
        self._version = ""
        since = self._sink.tick()
        pods: list[Pod] = []
        token = ""
        while True:
            reply = self._api.list("pods", self._namespace, labels=self._labels, token=token)
            if reply.status == 0:
                return f"the API server does not answer: {_told(reply.body)}"
            if reply.status != 200:
                return f"listing is answered {reply.status}: {_told(reply.body)}"
            try:
                page = msgspec.json.decode(reply.body, type=PodList)
            except msgspec.DecodeError as error:
                return f"a list is not understood: {error}"
            pods += page.items
            token = page.metadata.continues
            if not token:
                break
        self._version = page.metadata.resource_version
        self._list_at = self._clock.monotonic() + self._relist_s
        self._failures = 0
        self._sink.trouble(self._namespace, "")
        self._sink.listed(self._namespace, pods, since)
        return ""

    def _watch(self) -> str:
        try:
            with self._api.watch(
                self._namespace, labels=self._labels, version=self._version, for_s=self._watch_s
            ) as (status, lines):
                if status == 410:
                    self._version = ""
                    return ""
                if status != 200:
                    self._version = ""
                    return f"watching is answered {status}"
                for line in lines:
                    if self._stopping.is_set():
                        return ""
                    problem = self._event(line)
                    if problem or not self._version:
                        return problem
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # What was told before it broke stands: the next one goes on from there.
            return f"the watch broke: {error}"
        return ""

    def _event(self, line: bytes) -> str:
        try:
            event = msgspec.json.decode(line, type=_Event)
            if event.type == "ERROR":
                # Most often 410: what we have is too old. Whatever it is, a list is the answer.
                self._version = ""
                return ""
            pod = msgspec.json.decode(event.object, type=Pod)
        except msgspec.DecodeError as error:
            self._version = ""
            return f"an event is not understood: {error}"
        self._failures = 0
        self._version = pod.metadata.resource_version or self._version
        if event.type == "DELETED":
            self._sink.removed(pod)
        elif event.type != "BOOKMARK":
            self._sink.seen(pod)
        return ""


def _told(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
