"""Airflow's official client, its requests carried out in this process."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import airflow_client.client as official

from tests.unit.web.world import Answer, Client


class _Response:
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.reason = str(answer.status)
        self.data = answer.body
        self.headers = answer.headers

    def read(self) -> bytes:
        return self.data

    def getheaders(self) -> dict[str, str]:
        return self.headers


_PASSED = frozenset({"accept", "airflow-connection-test-token"})
"""Headers that mean something to the server, beside those of the person who calls."""


class _Rest:
    def __init__(self, client: Client) -> None:
        self._client = client

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> _Response:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        content = None if body is None else json.dumps(body).encode()
        passed = {k: v for k, v in (headers or {}).items() if k.lower() in _PASSED}
        return _Response(self._client.send(method, target, content, passed))


def api(client: Client) -> official.ApiClient:
    """Return the official client as somebody uses it."""
    made = official.ApiClient(official.Configuration(host="http://tradewind.test"))
    made.rest_client = _Rest(client)  # type: ignore[assignment]
    return made
