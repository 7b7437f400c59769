"""Whether a request can have been caused by another site, and which addresses are our own."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from starlette.requests import Request

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_FIRST_PRINTABLE = " "


def is_same_origin(request: Request) -> bool:
    """Tell whether a page of ours, or no page at all, sent the request.

    A browser says where a request comes from in two headers that a page cannot set; other
    programs send neither.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


def is_from_loopback(request: Request) -> bool:
    """Tell whether the request is from this machine, to a name of this machine, past no proxy.

    The name matters: another site's own name may be made to lead here (DNS rebinding).
    """
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        if not ip_address(request.client.host).is_loopback:
            return False
    except ValueError:
        return False
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name.lower() in _LOOPBACK_NAMES


def safe_path(text: str | None) -> str:
    """Return a path of this site to go to after signing in; "/" for whatever is not one."""
    if not text:
        return "/"
    for form in (text, unquote(text), unquote(unquote(text))):
        if (
            not form.startswith("/")
            or form.startswith("//")
            or "\\" in form
            or any(c < _FIRST_PRINTABLE or not c.isascii() for c in form)
            or "//" in form.partition("?")[0]
        ):
            return "/"
        parts = urlsplit(form)
        if parts.scheme or parts.netloc:
            return "/"
    return text
