"""`var` and `conn` in templates."""

from __future__ import annotations

from typing import Any

from tradewind.errors import NotFound
from tradewind.sdk.connection import Connection
from tradewind.sdk.variable import Variable


class ConnectionAccessor:
    """`conn.<id>`: a connection; `conn.get(id, default)`."""

    def __getattr__(self, conn_id: str) -> Connection:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def get(self, conn_id: str, default: Any = None) -> Any:
        """Return a connection, or the default when there is none."""
        try:
            return Connection.get(conn_id)
        except NotFound:
            return default

    def __repr__(self) -> str:
        return "<conn: conn.ID is the connection of that id>"


class VariableAccessor:
    """`var.value.<key>` or `var.json.<key>`; `var.value.get(key, default)`."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._as_json)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a variable, or the default when there is none."""
        return Variable.get(key, default=default, deserialize_json=self._as_json)

    def __repr__(self) -> str:
        return "<var: var.value.KEY is the text, var.json.KEY what its JSON stands for>"
