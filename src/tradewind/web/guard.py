"""Answer only those who ask for the loopback by name.

Without a log-in, what protects the server is that only this machine reaches it. A web page
elsewhere could still have the reader's browser send requests here: under a name of its own
(so the Host must be a loopback name), or as a plain form (so a body must be JSON, which a
browser does not send to another site without asking first).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LoopbackOnly:
    """Refuse requests that another site could have caused."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            refusal = refuse(Request(scope))
            if refusal is not None:
                await Response(refusal, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refuse(request: Request) -> str | None:
    """Return why a request is refused; None when it is not."""
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name.lower() not in _LOOPBACK:
        return f"this server answers only to localhost, not to {host!r}\n"
    if request.method not in _SAFE_METHODS:
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind != "application/json":
            return "changes must be sent as application/json\n"
    return None
