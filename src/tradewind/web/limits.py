"""What holds for every request and every response: a bounded body, and protective headers."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind.clock import Clock
from tradewind.web.refusals import json

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Limits:
    """Refuse bodies that are too large as they arrive, and add the headers."""

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        larger: Mapping[str, int],
        clock: Clock,
        *,
        secure: bool,
    ) -> None:
        """Guard an application.

        Args:
            app: the application.
            max_body_bytes: the largest body.
            larger: by path, where larger ones are taken.
            clock: tells the date of responses.
            secure: whether browsers come over TLS.
        """
        self._app = app
        self._clock = clock
        self._most = max_body_bytes
        self._larger = larger
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        most = self._larger.get(scope["path"], self._most)
        too_large = f"the body is larger than {most} bytes"
        if not length.isdigit() or int(length) > most:
            await self._refuse(too_large, scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413, too_large)
            return message

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._protect(scope, MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, bounded, protected)

    def _protect(self, scope: Scope, headers: MutableHeaders) -> None:
        headers.setdefault("Date", format_datetime(self._clock.now(), usegmt=True))
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if not scope["path"].startswith("/assets/"):
            headers.setdefault("Cache-Control", "no-store")

    async def _refuse(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        response = json({"detail": reason}, 413)
        response.headers["Connection"] = "close"
        await response(scope, receive, send)
