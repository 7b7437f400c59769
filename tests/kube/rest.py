"""A client for the tests' own hands on the API server, apart from the executor's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import urllib3


class Rest:
    """Requests with one user's token."""

    def __init__(self, address: str, ca_file: str, token: str) -> None:
        self.address = address
        self.token = token
        self._pool = urllib3.PoolManager(ca_certs=ca_file, maxsize=16, retries=False)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "application/json",
    ) -> tuple[int, Any]:
        """Return the status and the body."""
        response = self._pool.request(
            method,
            self.address + path,
            body=json.dumps(body) if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            timeout=30.0,
        )
        try:
            return response.status, json.loads(response.data)
        except ValueError:
            return response.status, response.data.decode()

    def must(self, method: str, path: str, body: object = None, **more: str) -> Any:
        """Return the body of a request that has to go well."""
        status, answer = self.call(method, path, body, **more)
        assert 200 <= status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def watch(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        """Yield events until the server ends the watch."""
        response = self._pool.request(
            "GET",
            f"{self.address}{path}?watch=true&resourceVersion={version}&timeoutSeconds=600",
            headers={"Authorization": f"Bearer {self.token}"},
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=610),
        )
        try:
            rest = b""
            for block in response.stream(amt=None):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    if line:
                        yield json.loads(line)
        finally:
            response.close()
