"""One HTTP/1.1 connection to an API server, in a loop over descriptors: nothing blocks.

A thin shell around h11, which knows the protocol: bytes in, events out. One request is on its
way at a time. TLS is the standard library's, on a socket that does not block.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import h11

from tradewind.errors import ConfigError

_READ = 1 << 18


class Address:
    """Where an API server is."""

    def __init__(self, url: str) -> None:
        """Understand a URL.

        Raises:
            ConfigError: it is not one of HTTP.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(
                f"{url!r} is not the URL of an API server; it looks like https://tradewind:8080 "
                "(api.base_url, --server or TRADEWIND__API__BASE_URL)"
            )
        self.host = parts.hostname
        self.tls = parts.scheme == "https"
        self.port = parts.port or (443 if self.tls else 80)
        self.path = parts.path.rstrip("/")
        self.url = url

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Response:
    """An answer while it arrives, and then whole."""

    def __init__(self, status: int, content_type: str) -> None:
        self.status = status
        self.content_type = content_type
        self.body = bytearray()


class HttpConnection:
    """A connection, from the moment that it is begun until it is lost."""

    def __init__(
        self,
        address: Address,
        selector: selectors.BaseSelector,
        answered: Callable[[Response], None],
        lost: Callable[[str], None],
    ) -> None:
        """Begin to connect.

        Args:
            address: of the server.
            selector: where the socket is registered, with a function of the event mask.
            answered: takes each answer.
            lost: called once, with the reason, when the connection ends other than by `close`.

        Raises:
            OSError: the name is not known, or no connection can be begun.
        """
        self._address = address
        self._selector = selector
        self._answered = answered
        self._lost = lost
        self._http = h11.Connection(h11.CLIENT)
        self._outgoing = bytearray()
        self._response: Response | None = None
        self._open = False
        self._closed = False
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )[0]
        self._sock: socket.socket = socket.socket(family, kind, protocol)
        self._sock.setblocking(False)  # noqa: FBT003  the stdlib's signature
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):
            self._sock.connect(place)
        self._selector.register(self._sock, selectors.EVENT_WRITE, self._connecting)

    @property
    def idle(self) -> bool:
        """Tell whether a request may be sent."""
        return not self._closed and self._http.our_state is h11.IDLE

    def post(self, path: str, content_type: str, body: bytes) -> None:
        """Send a request, as soon as the connection stands."""
        request = h11.Request(
            method="POST",
            target=self._address.path + path,
            headers=[
                ("Host", self._address.authority),
                ("Content-Type", content_type),
                ("Content-Length", str(len(body))),
            ],
        )
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._outgoing += self._http.send(event) or b""
        if self._open:
            self._flush()

    def close(self) -> None:
        """Give the connection up."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._sock)
            self._sock.close()

    # ---- the socket ---------------------------------------------------------------------------

    def _connecting(self, _: int) -> None:
        error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._fail(f"cannot be reached: {os.strerror(error)}")
            return
        if not self._address.tls:
            self._established()
            return
        self._selector.unregister(self._sock)
        self._sock = ssl.create_default_context().wrap_socket(
            self._sock, server_hostname=self._address.host, do_handshake_on_connect=False
        )
        self._selector.register(self._sock, selectors.EVENT_WRITE, self._handshaking)

    def _handshaking(self, _: int) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._selector.modify(self._sock, selectors.EVENT_READ, self._handshaking)
        except ssl.SSLWantWriteError:
            self._selector.modify(self._sock, selectors.EVENT_WRITE, self._handshaking)
        except OSError as error:
            self._fail(f"TLS: {error}")
        else:
            self._established()

    def _established(self) -> None:
        self._open = True
        self._selector.modify(self._sock, selectors.EVENT_READ, self._ready)
        self._flush()

    def _ready(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and not self._closed:
            self._receive()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                sent = self._sock.send(self._outgoing)
                del self._outgoing[:sent]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._fail(f"lost: {error.strerror or error}")
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
        self._selector.modify(self._sock, events, self._ready)

    def _receive(self) -> None:
        while not self._closed:
            try:
                data = self._sock.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._fail(f"lost: {error.strerror or error}")
                return
            self._take(data)

    # ---- the protocol -------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            while not self._closed:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                if isinstance(event, h11.ConnectionClosed):
                    self._fail("closed by the server")
                    return
                self._event(event)
        except h11.RemoteProtocolError as error:
            self._fail(f"not HTTP: {error}")

    def _event(self, event: object) -> None:
        if isinstance(event, h11.Response):
            kinds = [value for name, value in event.headers if name == b"content-type"]
            self._response = Response(event.status_code, (kinds or [b""])[0].decode("latin-1"))
        elif isinstance(event, h11.Data) and self._response is not None:
            self._response.body += event.data
        elif isinstance(event, h11.EndOfMessage) and self._response is not None:
            response, self._response = self._response, None
            reusable = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
            if reusable:
                self._http.start_next_cycle()
            self._answered(response)
            if not reusable:
                self._fail("closed by the server")

    def _fail(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._lost(reason)
