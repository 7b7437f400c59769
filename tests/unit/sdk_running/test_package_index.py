"""An index of Python packages, from a connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tradewind.errors import DagError
from tradewind.sdk.hooks.package_index import PackageIndexHook


class Index(BaseHTTPRequestHandler):
    """An index that wants to know who asks."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization"):
            self.send_response(200)
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        server.shutdown()
        thread.join()


def connect(monkeypatch: pytest.MonkeyPatch, **fields: str) -> PackageIndexHook:
    text = ", ".join(f'"{name}": "{value}"' for name, value in fields.items())
    monkeypatch.setenv("TRADEWIND_CONN_MIRROR", f'{{"conn_type": "package_index", {text}}}')
    return PackageIndexHook("mirror")


def test_who_logs_in_stands_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://mirror.example/simple"
    assert connect(monkeypatch, host=url).get_conn() == url
    hook = connect(monkeypatch, host=url, login="me", password="p@ss/word")
    assert hook.get_conn() == "https://me:p%40ss%2Fword@mirror.example/simple"
    with pytest.raises(DagError, match="'mirror' has no host"):
        connect(monkeypatch, login="me").get_conn()


def test_a_connection_is_tested(monkeypatch: pytest.MonkeyPatch, index: str) -> None:
    good = connect(monkeypatch, host=index, login="me", password="pw")
    assert good.test_connection() == (True, f"{index} answers")
    worked, why = connect(monkeypatch, host=index).test_connection()
    assert not worked
    assert "401" in why
