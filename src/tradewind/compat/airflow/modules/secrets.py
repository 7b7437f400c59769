"""`airflow.secrets.BaseSecretsBackend`: the base class of secrets backends."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.connection import Connection


class BaseSecretsBackend:
    """Where variables and connections are looked for."""

    def __init__(self, **kwargs: Any) -> None:
        del kwargs

    @staticmethod
    def build_path(path_prefix: str, secret_id: str, sep: str = "/") -> str:
        """Return the path of a secret."""
        return f"{path_prefix}{sep}{secret_id}"

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Return a connection as a URI or JSON, or None. Backends write this."""
        raise NotImplementedError

    def deserialize_connection(self, conn_id: str, value: str) -> Connection:
        """Return the connection of a URI or JSON."""
        value = value.strip()
        if value.startswith("{"):
            return Connection.from_json(value, conn_id=conn_id)
        return Connection(conn_id=conn_id, uri=value)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Connection | None:
        """Return a connection, or None when this place has none of the id."""
        del team_name
        value = self.get_conn_value(conn_id=conn_id)
        return self.deserialize_connection(conn_id, value) if value else None

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Return a variable, or None when this place has none of the key. Backends write this."""
        raise NotImplementedError

    def get_config(self, key: str) -> str | None:
        """Return a setting, or None."""
        del key
        return None
