"""Speak to the API server, through the official client's configuration, TLS and connections.

Bodies go out as JSON and come back as bytes: the client's model classes would cost more than the
requests. Every request has a deadline; a failure to reach the server is an answer of status 0,
so that callers have one thing to judge.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from yaml import YAMLError

from tradewind.errors import ConfigError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 15.0
_JSON = "application/json"
_MERGE = "application/merge-patch+json"
PAGE = 500
"""Pods in one answer to a list."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the API server.

    in_cluster: by the pod's own service account. config_file: a kubeconfig; None: KUBECONFIG or
    ~/.kube/config. config: the content of one, instead. context: of the kubeconfig; None: its
    current one. whose: what stands before the names of these, in messages.
    """

    in_cluster: bool
    config_file: Path | None = None
    context: str | None = None
    verify_ssl: bool = True
    connections: int = 16
    config: dict[str, Any] | None = None
    whose: str = "kubernetes_executor."


class Reply(msgspec.Struct, frozen=True):
    """An answer; status 0: there was none, and body says why."""

    status: int
    body: bytes = b""
    retry_after: str | None = None


class KubeApi:
    """Requests to one API server. Safe to share between threads."""

    def __init__(self, access: Access) -> None:
        self._settings = _settings(access)
        self._client: Any = client.ApiClient(self._settings)
        self._pool: Any = self._client.rest_client.pool_manager
        self._base = str(self._settings.host).rstrip("/")
        self.requests_sent = 0
        """Without streams; threads that count at the same moment may lose one."""

    @property
    def address(self) -> str:
        """Return the API server's URL."""
        return self._base

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def create(self, kind: str, namespace: str, body: dict[str, Any]) -> Reply:
        """Create an object; kind as in the URL: pods, secrets."""
        return self._ask("POST", _path(namespace, kind), body=body)

    def read(self, kind: str, namespace: str, name: str) -> Reply:
        """Return an object."""
        return self._ask("GET", _path(namespace, kind, name))

    def delete(
        self, kind: str, namespace: str, name: str, *, uid: str = "", grace_s: int | None = None
    ) -> Reply:
        """Delete an object; uid: only if it is still that one."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        return self._ask("DELETE", _path(namespace, kind, name), body=body)

    def list(
        self, kind: str, namespace: str, *, labels: str = "", fields: str = "", token: str = ""
    ) -> Reply:
        """Return one page of objects."""
        query: dict[str, Any] = {"limit": PAGE}
        given = {"labelSelector": labels, "fieldSelector": fields, "continue": token}
        query |= {key: value for key, value in given.items() if value}
        return self._ask("GET", _path(namespace, kind), query=query)

    def label(self, kind: str, namespace: str, name: str, labels: dict[str, str]) -> Reply:
        """Give an object these labels, beside those that it has."""
        body = {"metadata": {"labels": labels}}
        return self._ask("PATCH", _path(namespace, kind, name), body=body)

    def log(self, namespace: str, name: str, *, container: str, lines: int | None = None) -> Reply:
        """Return a container's output; lines: only so many, the last."""
        query: dict[str, Any] = {"container": container}
        query |= {"tailLines": lines} if lines is not None else {}
        return self._ask("GET", _path(namespace, "pods", name) + "/log", query=query)

    @contextlib.contextmanager
    def follow_log(
        self, namespace: str, name: str, *, container: str, since: str, quiet_s: float
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open a container's output: the status, and the lines as they come, with their times.

        Args:
            namespace: the pod's.
            name: the pod's.
            container: whose output.
            since: from this second on, RFC 3339; "": from its beginning.
            quiet_s: a silence of this length raises out of the lines; nothing may be the matter.

        Raises:
            OSError, urllib3.exceptions.HTTPError: the connection failed or went quiet.
        """
        query = {"container": container, "follow": "true", "timestamps": "true"}
        query |= {"sinceTime": since} if since else {}
        path = _path(namespace, "pods", name) + "/log"
        with self._stream(f"{path}?{urlencode(query)}", quiet_s) as opened:
            yield opened

    @contextlib.contextmanager
    def watch(
        self, namespace: str, *, labels: str, version: str, for_s: int
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open a watch of pods: its status, and the lines as they come.

        A server that says nothing for longer than the watch may last raises out of the lines: a
        half-open connection does not hold anybody up.

        Raises:
            OSError, urllib3.exceptions.HTTPError: the connection failed or went quiet.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "labelSelector": labels,
            "resourceVersion": version,
            "timeoutSeconds": for_s,
        }
        path = f"{_path(namespace, 'pods')}?{urlencode(query)}"
        with self._stream(path, for_s + CONNECT_TIMEOUT_S) as opened:
            yield opened

    @contextlib.contextmanager
    def _stream(self, path: str, quiet_s: float) -> Iterator[tuple[int, Iterator[bytes]]]:
        response = self._pool.request(
            "GET",
            f"{self._base}{path}",
            headers=self._headers(),
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=quiet_s),
        )
        try:
            yield int(response.status), _lines(response)
        finally:
            # Not given back to the pool: the rest of the stream is of no use.
            response.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Reply:
        url = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        self.requests_sent += 1
        try:
            response = self._pool.request(
                method,
                url,
                headers=self._headers(_MERGE if method == "PATCH" else _JSON),
                body=json.dumps(body) if body is not None else None,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Reply(0, f"{self._base}: {error}".encode())
        return Reply(
            int(response.status), bytes(response.data), response.headers.get("Retry-After")
        )

    def _headers(self, kind: str = _JSON) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Content-Type": kind,
            "User-Agent": "tradewind",
        }
        # Asked for each time: a service account's token is renewed while we run.
        for setting in self._settings.auth_settings().values():
            if setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers


def _settings(access: Access) -> Any:
    settings: Any = client.Configuration()
    load: Any = config  # untyped in the client
    try:
        if access.in_cluster:
            load.load_incluster_config(client_configuration=settings)
        elif access.config is not None:
            load.load_kube_config_from_dict(
                access.config, context=access.context, client_configuration=settings
            )
        else:
            load.load_kube_config(
                config_file=str(access.config_file) if access.config_file else None,
                context=access.context,
                client_configuration=settings,
            )
    except (ConfigException, OSError, ValueError, KeyError, TypeError, YAMLError) as error:
        where = "in_cluster" if access.in_cluster else "config_file"
        file = (
            "" if access.in_cluster or access.config_file is None else f" in {access.config_file}"
        )
        raise ConfigError(
            f"{access.whose}{where}: there is no way to a Kubernetes cluster{file}: {error}"
        ) from error
    settings.connection_pool_maxsize = access.connections
    settings.verify_ssl = access.verify_ssl
    settings.retries = False
    return settings


def _path(namespace: str, kind: str, name: str = "") -> str:
    path = f"/api/v1/namespaces/{namespace}/{kind}"
    return f"{path}/{name}" if name else path


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for block in response.stream(amt=None, decode_content=False):
        *lines, rest = (rest + block).split(b"\n")
        yield from (line for line in lines if line)
