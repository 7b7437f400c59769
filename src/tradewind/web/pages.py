"""The web UI's files. A path that is no file is a place inside the UI: its page is served."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tradewind.web.refusals import json

DIST = Path(__file__).parents[1] / "ui" / "dist"
_YEAR = "public, max-age=31536000, immutable"
_NOT_OURS = ("/api/", "/ui/", "/auth/", "/execution/")
_NO_UI = """<!doctype html><html lang=en><meta charset=utf-8><title>Tradewind</title>
<h1>Tradewind</h1><p>This copy comes without the web UI. The <a href=/docs>API</a> is here.
"""


class _Assets(StaticFiles):
    """Files whose names change with their content."""

    async def get_response(self, path: str, scope: object) -> Response:
        """Serve a file for good."""
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _YEAR
        return response


def page_routes(dist: Path = DIST) -> list[BaseRoute]:
    """Return the routes of the UI's files; they must come last."""
    found: list[BaseRoute] = []
    if (dist / "assets").is_dir():
        found.append(Mount("/assets", _Assets(directory=dist / "assets")))

    async def page(request: Request) -> Response:
        path = request.url.path
        if path.startswith(_NOT_OURS):
            return json({"detail": "Not Found"}, 404)
        if not (dist / "index.html").is_file():
            return HTMLResponse(_NO_UI)
        name = path.lstrip("/")
        # Only a name that stands in the folder itself: never a path.
        if name and "/" not in name and name in _names(dist):
            return FileResponse(dist / name)
        return FileResponse(dist / "index.html", media_type="text/html")

    return [*found, Route("/{path:path}", page)]


def _names(dist: Path) -> set[str]:
    return {entry.name for entry in dist.iterdir() if entry.is_file()}
