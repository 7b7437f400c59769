"""Requests to an identity provider: over TLS, bounded, and to nowhere else.

The name is resolved once, and the address that was judged is the one that is spoken with. A
provider in a private network is usual; addresses of the link alone, where clouds keep what a
machine may know of itself, are none. Redirects are not followed: the issuer says where its
endpoints are.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tradewind.errors import Unavailable

TIMEOUT_S = 10.0
_LARGEST = 1024 * 1024


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was looked at."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._tls = context

    def connect(self) -> None:
        """Connect to the name's first address.

        Raises:
            OSError: it does not answer, or is one that no provider has.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0][4]
        judged = ip_address(found[0])
        judged = getattr(judged, "ipv4_mapped", None) or judged
        if judged.is_link_local or judged.is_multicast or judged.is_unspecified:
            raise OSError(f"{self.host} leads to {judged}, which is no provider's address")
        self.sock = socket.create_connection((str(judged), self.port), TIMEOUT_S)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


def is_allowed(url: str) -> bool:
    """Tell whether a URL may be asked: https, or a provider under test on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return parts.username is None
    return parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}


def fetch_json(
    url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON object at a URL; with a form it is POSTed.

    Raises:
        Unavailable: there is none; the message says what came instead.
    """
    if not is_allowed(url):
        raise Unavailable(f"{url} is not asked: an identity provider's addresses are https://")
    parts = urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    connection = _Connection(parts.hostname or "", parts.port or (443 if secure else 80), context)
    sent = {"Accept": "application/json", **(headers or {})}
    body = None
    if form is not None:
        body = urlencode(form)
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("POST" if form is not None else "GET", target, body, sent)
        answer = connection.getresponse()
        content = answer.read(_LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()
    if len(content) > _LARGEST:
        raise Unavailable(f"{url} answered more than {_LARGEST} bytes")
    try:
        found = msgspec.json.decode(content)
    except msgspec.DecodeError:
        found = None
    if answer.status != 200 or not isinstance(found, dict):
        raise Unavailable(f"{url} answered {answer.status}{_reason(found)}")
    return found


def _reason(found: Any) -> str:
    """Return what an OAuth error says (RFC 6749, 5.2)."""
    if not isinstance(found, dict) or "error" not in found:
        return "" if isinstance(found, dict) else ", and no JSON object"
    return f": {found['error']} {found.get('error_description', '')}".rstrip()
