"""Variables and connections from files: JSON, or lines of KEY=VALUE (".env").

A file is read again when it changes, so that a mounted secret may be replaced while
Tradewind runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tradewind.errors import ConfigError
from tradewind.store.connections import ConnectionValue, from_fields, parse_connection


class SecretFiles:
    """What the configured files hold; without files, nothing."""

    def __init__(
        self, variables_file: Path | None = None, connections_file: Path | None = None
    ) -> None:
        self._variables = _File(variables_file)
        self._connections = _File(connections_file)

    def variable(self, key: str) -> str | None:
        """Return a variable's value; what is no text in JSON comes as JSON."""
        found = self._variables.read().get(key)
        if found is None or isinstance(found, str):
            return found
        return msgspec.json.encode(found).decode()

    def connection(self, conn_id: str) -> ConnectionValue | None:
        """Return a connection, written as a URI or as fields."""
        found = self._connections.read().get(conn_id)
        if found is None:
            return None
        if isinstance(found, dict):
            return from_fields(conn_id, found)
        return parse_connection(conn_id, str(found))


class _File:
    """A file's entries, kept while its time and size stay the same."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._entries: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._entries = _parse(self._path, self._path.read_text(encoding="utf-8"))
                self._seen = seen
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error.strerror}") from error
        return self._entries


def _parse(path: Path, text: str) -> dict[str, Any]:
    if path.suffix == ".json":
        try:
            return msgspec.json.decode(text.encode(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path} is not a JSON object: {error}") from error
    if path.suffix == ".env":
        lines = (line.strip() for line in text.splitlines())
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {key.strip(): value.strip() for key, _, value in pairs}
    raise ConfigError(f"{path}: secrets files end in .json or .env")
