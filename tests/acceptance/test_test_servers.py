"""The brokers and the proxy that other tests rely on behave as those believe."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import kombu
import pytest

from tests.brokers import Broker, RabbitServer, RedisServer
from tests.faultproxy import FaultProxy

pytestmark = [pytest.mark.acceptance, pytest.mark.brokers]


def round_trip(url: str) -> str:
    with kombu.Connection(url, connect_timeout=10) as connection:
        queue = connection.SimpleQueue("there-and-back")
        queue.put("hello")
        message = queue.get(timeout=10)
        message.ack()
        queue.close()
        return str(message.payload)


def test_redis_is_killed_and_is_back_under_its_address(redis_server: RedisServer) -> None:
    assert round_trip(redis_server.url) == "hello"
    redis_server.restart()
    assert round_trip(redis_server.url) == "hello"
    assert redis_server.order("FLUSHALL") == "+OK\r\n"


def test_rabbitmq_is_killed_and_is_back_under_its_address(rabbit_server: RabbitServer) -> None:
    assert round_trip(rabbit_server.url) == "hello"
    rabbit_server.restart()
    assert round_trip(rabbit_server.url) == "hello"
    assert "there-and-back" in rabbit_server.control("list_queues")


def test_a_proxy_passes_a_broker_on(redis_server: RedisServer) -> None:
    broker: Broker = redis_server
    with FaultProxy(broker.port) as proxy:
        assert round_trip(broker.url_at(proxy.port)) == "hello"
        assert proxy.accepted >= 1


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(4096):
                    self.heard += data
                    sock.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


class Client:
    """A connection through the proxy."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.port = proxy.port
        self.sock = socket.socket()

    def ask(self, data: bytes, patience_s: float = 10.0) -> bytes | None:
        """Return the answer; b"" when the connection is reset, None when none comes."""
        self.sock.settimeout(patience_s)
        try:
            if self.port:
                self.sock.connect(("127.0.0.1", self.port))
                self.port = 0
            self.sock.sendall(data)
            return self.sock.recv(4096)
        except TimeoutError:
            return None
        except OSError:
            return b""


def test_a_proxy_fails_on_request(echo: Echo) -> None:
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy(echo.port))

        def client() -> Client:
            made = Client(proxy)
            stack.callback(made.sock.close)
            return made

        first = client()
        assert first.ask(b"one") == b"one"
        proxy.cut()
        assert first.ask(b"two") == b""
        proxy.refuse()
        assert client().ask(b"three") == b""
        proxy.heal()
        assert client().ask(b"four") == b"four"
        proxy.swallow_replies()
        half_open = client()
        assert half_open.ask(b"five", patience_s=0.2) is None
        proxy.heal()
        assert half_open.ask(b"six") == b""
        proxy.cut_at(b"se", passed=False)
        assert client().ask(b"seven") == b""
        assert client().ask(b"seven") == b"seven"
        proxy.delay_s = 0.3
        assert client().ask(b"late", patience_s=0.1) is None
    assert echo.heard.startswith(b"onefourfiveseven")
