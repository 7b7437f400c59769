"""A proxy in front of the API server that answers as it is told, and counts.

A *script* looks at each request (method, path with query) and may answer in the server's place,
change the path, or tell how a watch goes wrong; None lets it through.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import msgspec
import urllib3

from tests.kube.cluster import Cluster


class Answer(msgspec.Struct, frozen=True):
    """Answer this instead of asking the server."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


class Rewrite(msgspec.Struct, frozen=True):
    """Ask the server for another path."""

    path: str


class Lost(msgspec.Struct, frozen=True):
    """Ask the server, and close the connection instead of giving its answer."""


class Cut(msgspec.Struct, frozen=True):
    """Close the connection after so many lines of a watch."""

    after: int = 0


class Silence(msgspec.Struct, frozen=True):
    """Let a watch's events through no more, and keep the connection open."""

    after: int = 0


Fault = Answer | Rewrite | Lost | Cut | Silence
Script = Callable[[str, str], Fault | None]


class FaultProxy:
    """An HTTPS server on loopback."""

    def __init__(self, cluster: Cluster) -> None:
        self.script: Script = lambda _method, _path: None
        self.counts: Counter[str] = Counter()
        """Requests by "METHOD kind", watches as "WATCH pods"."""
        self._upstream = urllib3.PoolManager(
            ca_certs=str(cluster.ca_file), retries=False, maxsize=32
        )
        self._base = cluster.address
        self._stopped = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (OSError, ssl.SSLError):
                    self.close_connection = True

            def do_GET(self) -> None:
                proxy._handle(self)

            def do_POST(self) -> None:
                proxy._handle(self)

            def do_DELETE(self) -> None:
                proxy._handle(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certs = cluster.folder / "certs"
        context.load_cert_chain(certs / "apiserver.crt", certs / "apiserver.key")
        # Shaken hands on the connection's own thread: one slow client holds up nobody.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.address = f"https://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._upstream.clear()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        method, path = request.command, request.path
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        watch = "watch=true" in path
        self.counts[f"{'WATCH' if watch else method} {_kind(path)}"] += 1
        fault = self.script(method, path)
        if isinstance(fault, Answer):
            _answer(request, fault)
            return
        if isinstance(fault, Rewrite):
            path = fault.path
        response = self._upstream.request(
            method,
            self._base + path,
            body=body or None,
            headers={k: v for k, v in request.headers.items() if k.lower() != "host"},
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=600),
        )
        if watch and response.status == 200:
            self._stream(request, response, fault)
            return
        if isinstance(fault, Lost):
            response.close()
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        kept = {"Retry-After": response.headers.get("Retry-After")}
        headers = {key: value for key, value in kept.items() if value}
        _answer(request, Answer(response.status, response.read(), headers))
        response.release_conn()

    def _stream(
        self,
        request: BaseHTTPRequestHandler,
        response: urllib3.BaseHTTPResponse,
        fault: Fault | None,
    ) -> None:
        request.close_connection = True
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        told, rest = 0, b""
        try:
            for block in response.stream(amt=None):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    if isinstance(fault, Cut | Silence) and told >= fault.after:
                        if isinstance(fault, Silence):
                            self._stopped.wait(60)
                        return
                    request.wfile.write(line + b"\n")
                    request.wfile.flush()
                    told += 1
        except (OSError, urllib3.exceptions.HTTPError):
            pass
        finally:
            response.close()
            if isinstance(fault, Silence) and told < fault.after + 1:
                self._stopped.wait(60)  # the server's own end is not heard either
            request.connection.shutdown(socket.SHUT_RDWR)


def _kind(path: str) -> str:
    parts = path.partition("?")[0].strip("/").split("/")
    return "/".join(part for part in (parts[4:5] + parts[6:7]) if part) or path


def _answer(request: BaseHTTPRequestHandler, answer: Answer) -> None:
    request.send_response(answer.status)
    for key, value in answer.headers.items():
        request.send_header(key, value)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(answer.body)))
    request.end_headers()
    request.wfile.write(answer.body)
