"""A node and a scheduler for the tests: binds pods, runs them as told, reports to the API server.

What becomes of a pod is its *conduct*, chosen by its label `conduct` (else the agent's default):

    done     ends well at once, nothing is run
    run      the container's command is run as a local process, with its environment and Secrets
    hold     runs until it is deleted or `finish` is called
    fail     ends with exit code 3
    oom      ends OOMKilled
    evict    fails before a container started
    image    waits in ImagePullBackOff
    nowhere  is not placed: no node has room
    lost     runs; the node never says anything again
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import urllib3

from tests.kube.cluster import Cluster
from tradewind.clock import SystemClock

SCHEDULER = "tradewind-tests"
"""Pods that name another scheduler are none of ours."""
_BEAT_S = 10.0
_MERGE = "application/merge-patch+json"
_THREADS = 8

Pod = dict[str, Any]


class NodeAgent:
    """One node, for all namespaces."""

    def __init__(
        self, cluster: Cluster, conduct: str = "run", here: dict[str, str] | None = None
    ) -> None:
        self.conduct = conduct
        self.events: list[tuple[str, str]] = []
        """(what, pod name), as the watch told."""
        self.started: list[str] = []
        """Names of pods whose command was run."""
        self._here = here or {}
        """What stands for a text of a pod (a path, an address, a program) on this machine."""
        self._api = cluster.client("admin")
        self._cluster = cluster
        self._folder = Path(tempfile.mkdtemp(prefix="tradewind-node-"))
        self._changed = threading.Condition()
        self._pods: dict[str, Pod] = {}
        self._taken: set[str] = set()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._pool = ThreadPoolExecutor(_THREADS)
        self._stopped = False
        self._kubelet: ThreadingHTTPServer | None = None
        self._addresses = _loopback_addresses()

    def __enter__(self) -> Self:
        self._serve_logs()
        self._register()
        first = self._api.must("GET", "/api/v1/pods")
        for pod in first["items"]:
            self._note("ADDED", pod)
        version = first["metadata"]["resourceVersion"]
        threading.Thread(target=self._follow, args=(version,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for process in list(self._processes.values()):
            os.killpg(process.pid, signal.SIGKILL)
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._kubelet is not None:
            self._kubelet.shutdown()
            self._kubelet.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- what tests ask ----------------------------------------------------------------------

    def pods(self, namespace: str) -> list[Pod]:
        """Return the pods of a namespace, as the watch told."""
        with self._changed:
            return [p for p in self._pods.values() if p["metadata"]["namespace"] == namespace]

    def wait(self, what: Callable[[], bool], within_s: float = 30.0) -> None:
        """Wait until something holds; it is looked at after each event, and now and then."""
        clock = SystemClock()
        deadline = clock.monotonic() + within_s
        with self._changed:
            while not what():
                assert clock.monotonic() < deadline, [
                    (p["metadata"]["name"], p["status"]) for p in self._pods.values()
                ]
                self._changed.wait(0.2)

    def wait_for_phase(self, namespace: str, phase: str, count: int = 1) -> list[Pod]:
        """Wait until so many pods are in a phase, and return them."""

        def found() -> list[Pod]:
            return [p for p in self.pods_now(namespace) if p["status"].get("phase") == phase]

        self.wait(lambda: len(found()) >= count)
        return found()

    def pods_now(self, namespace: str) -> list[Pod]:
        """Like `pods`, for whoever holds the condition."""
        return [p for p in self._pods.values() if p["metadata"]["namespace"] == namespace]

    def finish(self, pod: Pod, code: int = 0) -> None:
        """End a pod that is held."""
        self._end(pod, code)

    def kill(self, pod: Pod) -> None:
        """Kill a pod's container as the kernel does when it is out of memory."""
        os.killpg(self._processes[pod["metadata"]["uid"]].pid, signal.SIGKILL)

    def lose(self, pod: Pod) -> None:
        """Remove a pod as it is when its node is lost: running, from one moment to the next."""
        path = _path(pod)
        self._api.call("DELETE", path, {"gracePeriodSeconds": 0})

    # ---- following ---------------------------------------------------------------------------

    def _follow(self, version: str) -> None:
        while not self._stopped:
            try:
                for event in self._api.watch("/api/v1/pods", version):
                    if event["type"] == "ERROR":
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._note(event["type"], event["object"])
                listed = self._api.must("GET", "/api/v1/pods")
            except (urllib3.exceptions.HTTPError, OSError):
                # The API server is away, or has gone with the tests.
                with self._changed:
                    self._changed.wait(0.2)
                continue
            version = listed["metadata"]["resourceVersion"]
            for pod in listed["items"]:
                self._note("MODIFIED", pod)

    def _note(self, what: str, pod: Pod) -> None:
        if pod["spec"].get("schedulerName") != SCHEDULER:
            return
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        with self._changed:
            self.events.append((what, metadata["name"]))
            if what == "DELETED":
                self._pods.pop(uid, None)
            else:
                self._pods[uid] = pod
            self._changed.notify_all()
            new = uid not in self._taken and what != "DELETED"
            self._taken.add(uid)
        if self._stopped:
            return
        if what == "DELETED":
            self._pool.submit(self._collect_garbage, pod)
        elif metadata.get("deletionTimestamp"):
            self._pool.submit(self._stop, pod)
        elif new:
            self._pool.submit(self._take, pod)

    def _take(self, pod: Pod) -> None:
        conduct = (pod["metadata"].get("labels") or {}).get("conduct", self.conduct)
        if conduct == "nowhere":
            text = "0/1 nodes are available: 1 Insufficient cpu."
            unplaced = _condition("PodScheduled", "False", "Unschedulable", text)
            self._report(pod, {"phase": "Pending", "conditions": [unplaced]})
            self._tell_event(pod, "FailedScheduling", text)
            return
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self._cluster.node},
        }
        status, _ = self._api.call("POST", _path(pod) + "/binding", binding)
        if status >= 300:
            return
        self._conduct(pod, conduct)

    def _conduct(self, pod: Pod, conduct: str) -> None:
        if conduct == "image":
            self._wait_for_image(pod)
        elif conduct == "evict":
            text = "The node was low on resource: memory."
            self._report(pod, {"phase": "Failed", "reason": "Evicted", "message": text})
        elif conduct == "done":
            self._end(pod, 0)
        elif conduct == "run":
            self._run(pod)
        else:
            self._report(pod, _running(pod))
            if conduct == "fail":
                self._end(pod, 3)
            elif conduct == "oom":
                self._end(pod, 137, "OOMKilled")

    def _wait_for_image(self, pod: Pod) -> None:
        image = pod["spec"]["containers"][0]["image"]
        text = f'Back-off pulling image "{image}"'
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": text}}
        self._report(pod, {"phase": "Pending", "containerStatuses": [_container(pod, waiting)]})
        self._tell_event(pod, "BackOff", text)

    # ---- running -----------------------------------------------------------------------------

    def _run(self, pod: Pod) -> None:
        home = self._folder / pod["metadata"]["uid"]
        home.mkdir()
        volumes = self._make_volumes(pod, home)
        if volumes is None:
            return
        address = next(self._addresses)
        sidecars = [
            self._start(pod, container, home, volumes, address)
            for container in pod["spec"].get("initContainers") or []
            if container.get("restartPolicy") == "Always"
        ]
        base = pod["spec"]["containers"][0]
        process = self._start(pod, base, home, volumes, address)
        self._processes[pod["metadata"]["uid"]] = process
        self.started.append(pod["metadata"]["name"])
        self._report(pod, {**_running(pod), "podIP": address, "podIPs": [{"ip": address}]})
        threading.Thread(target=self._reap, args=(pod, process, sidecars), daemon=True).start()

    def _start(
        self, pod: Pod, container: Pod, home: Path, volumes: dict[str, Path], address: str
    ) -> subprocess.Popen[bytes]:
        places = {
            mount["mountPath"]: volumes[mount["name"]]
            for mount in container.get("volumeMounts") or []
        }

        def local(text: str) -> str:
            for place, folder in places.items():
                text = text.replace(place, str(folder))
            for name, here in self._here.items():
                text = text.replace(name, here)
            return text.replace("{uid}", pod["metadata"]["uid"])

        given = {e["name"]: _value(e, address, local) for e in container.get("env") or []}
        command = [
            _expanded(local(part), given)
            for part in (*(container.get("command") or ()), *(container.get("args") or ()))
        ]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), **given}
        probe = container.get("startupProbe", {}).get("exec", {}).get("command")
        with (home / f"log-{container['name']}").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=home, start_new_session=True
            )
        while probe and subprocess.run([local(part) for part in probe], check=False).returncode:
            assert process.poll() is None, "a sidecar ended before it was ready"
        return process

    def _reap(
        self, pod: Pod, process: subprocess.Popen[bytes], sidecars: list[subprocess.Popen[bytes]]
    ) -> None:
        code = process.wait()
        self._processes.pop(pod["metadata"]["uid"], None)
        for sidecar in sidecars:
            os.killpg(sidecar.pid, signal.SIGTERM)
            sidecar.wait()
        if self._stopped:
            return
        self._pool.submit(self._end, pod, code if code >= 0 else 128 - code)

    def _make_volumes(self, pod: Pod, home: Path) -> dict[str, Path] | None:
        """Make the volumes, Secrets filled; None when the pod went before its Secret came."""
        volumes: dict[str, Path] = {}
        for volume in pod["spec"].get("volumes") or []:
            folder = volumes[volume["name"]] = home / f"volume-{volume['name']}"
            folder.mkdir()
            if "secret" not in volume:
                continue
            data = self._secret(pod, volume["secret"]["secretName"])
            if data is None:
                return None
            for key, value in data.items():
                (folder / key).write_bytes(value)
        return volumes

    def _secret(self, pod: Pod, name: str) -> dict[str, bytes] | None:
        namespace = pod["metadata"]["namespace"]
        for _ in range(200):
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            status, found = self._api.call("GET", path)
            if status == 200:
                return {key: base64.b64decode(value) for key, value in found["data"].items()}
            with self._changed:
                gone = self._changed.wait_for(
                    lambda: pod["metadata"]["uid"] not in self._pods, 0.05
                )
            if gone:
                return None
        return None

    def _stop(self, pod: Pod) -> None:
        process = self._processes.get(pod["metadata"]["uid"])
        conduct = (pod["metadata"].get("labels") or {}).get("conduct", self.conduct)
        if conduct == "lost":
            return
        if process is not None:
            os.killpg(process.pid, signal.SIGTERM)
            return
        self._api.call("DELETE", _path(pod), {"gracePeriodSeconds": 0})

    def _end(self, pod: Pod, code: int, reason: str = "") -> None:
        reason = reason or ("Completed" if code == 0 else "Error")
        ended = {"terminated": {"exitCode": code, "reason": reason}}
        phase = "Succeeded" if code == 0 else "Failed"
        self._report(pod, {"phase": phase, "containerStatuses": [_container(pod, ended)]})
        with self._changed:
            now = self._pods.get(pod["metadata"]["uid"])
        if now is not None and now["metadata"].get("deletionTimestamp"):
            self._api.call("DELETE", _path(pod), {"gracePeriodSeconds": 0})

    # ---- telling the API server --------------------------------------------------------------

    def _report(self, pod: Pod, status: Pod) -> None:
        self._api.call("PATCH", _path(pod) + "/status", {"status": status}, kind=_MERGE)

    def _tell_event(self, pod: Pod, reason: str, message: str) -> None:
        metadata = pod["metadata"]
        self._api.must(
            "POST",
            f"/api/v1/namespaces/{metadata['namespace']}/events",
            {
                "metadata": {"generateName": "event-"},
                "involvedObject": {
                    "kind": "Pod",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
                "type": "Warning",
                "reason": reason,
                "message": message,
                "count": 3,
                "source": {"component": "node-agent"},
            },
        )

    def _collect_garbage(self, pod: Pod) -> None:
        """Remove the Secret that a pod owned, as the garbage collector does."""
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/secrets/{metadata['name']}"
        status, found = self._api.call("GET", path)
        owners = found["metadata"].get("ownerReferences") or [] if status == 200 else []
        if [owner["uid"] for owner in owners] == [metadata["uid"]]:
            self._api.call("DELETE", path)

    def _register(self) -> None:
        alone = {"key": SCHEDULER, "effect": "NoSchedule"}
        node = {"metadata": {"name": self._cluster.node}, "spec": {"taints": [alone]}}
        self._api.call("POST", "/api/v1/nodes", node)
        self._beat()
        threading.Thread(target=self._keep_beating, daemon=True).start()

    def _keep_beating(self) -> None:
        with self._changed:
            while not self._changed.wait_for(lambda: self._stopped, _BEAT_S):
                with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, AssertionError):
                    self._beat()

    def _beat(self) -> None:
        """Say that the node is there, as the controllers of a whole cluster expect it."""
        assert self._kubelet is not None
        now = SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {**_condition("Ready", "True", "Here", ""), "lastHeartbeatTime": now}
        status = {
            "addresses": [{"type": "InternalIP", "address": self._cluster.node_address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._kubelet.server_port}},
            "conditions": [ready],
        }
        path = f"/api/v1/nodes/{self._cluster.node}/status"
        self._api.must("PATCH", path, {"status": status}, kind=_MERGE)

    def _serve_logs(self) -> None:
        """Answer what the API server asks a kubelet: a container's output."""
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = dict(parse_qsl(address.query))
                self.send_response(200)
                self.end_headers()
                parts = address.path.strip("/").split("/")
                if parts[0] == "containerLogs":
                    namespace, name, container = parts[1:4]
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        for line in agent._output(namespace, name, container, query):
                            self.wfile.write(line)

            def log_message(self, *args: object) -> None:
                pass

        local = self._cluster.node_address == "127.0.0.1"
        server = ThreadingHTTPServer(("127.0.0.1" if local else "0.0.0.0", 0), Handler)
        certs = self._cluster.folder / "certs"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs / "apiserver.crt", certs / "apiserver.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._kubelet = server

    def _output(
        self, namespace: str, name: str, container: str, query: dict[str, str]
    ) -> Iterator[bytes]:
        """Yield the lines of a container's output as a kubelet does."""
        with self._changed:
            uids = {p["metadata"]["uid"]: p["metadata"] for p in self._pods.values()}
        uid = next((u for u, m in uids.items() if (m["namespace"], m["name"]) == (namespace, name)))
        log = self._folder / uid / f"log-{container}"
        if not log.exists():
            yield b"the last words\n"
            return
        first = 0
        if "tailLines" in query:
            first = max(0, len(log.read_bytes().splitlines()) - int(query["tailLines"]))
        with log.open("rb") as file:
            number = 0
            while not self._stopped:
                running = uid in self._processes
                for line in file:
                    time = f"2026-01-01T00:{number // 60000:02}:{number // 1000 % 60:02}"
                    stamp = f"{time}.{number % 1000:03}Z "
                    if number >= first and f"{time}Z" >= query.get("sinceTime", ""):
                        yield (stamp.encode() if "timestamps" in query else b"") + line
                    number += 1
                if not running or "follow" not in query:
                    return
                with self._changed:
                    self._changed.wait(0.05)


def _loopback_addresses() -> Iterator[str]:
    """Yield an address of its own for each pod; all of 127/8 is this machine."""
    network = os.urandom(1)[0] // 2 + 1
    for number in itertools.count(1):
        yield f"127.{network}.{number >> 8 & 255}.{number & 255}"


def _value(entry: Pod, address: str, local: Callable[[str], str]) -> str:
    source = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
    if source is not None:
        assert source == "status.podIP", f"the node agent does not know {source}"
        return address
    return local(entry.get("value", ""))


def _expanded(text: str, variables: dict[str, str]) -> str:
    """Replace $(NAME) as a kubelet does."""
    return re.sub(r"\$\((\w+)\)", lambda m: variables.get(m[1], m[0]), text)


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _running(pod: Pod) -> Pod:
    running = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    return {"phase": "Running", "containerStatuses": [_container(pod, running)]}


def _container(pod: Pod, state: Pod) -> Pod:
    spec = pod["spec"]["containers"][0]
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _condition(kind: str, status: str, reason: str, message: str) -> Pod:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def dump(pods: list[Pod]) -> str:
    """Return pods as text, for the message of a failed assertion."""
    return json.dumps(pods, indent=1)
