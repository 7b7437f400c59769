"""Connections."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tradewind.errors import NotFound
from tradewind.sdk.exceptions import ConnectionNotFound
from tradewind.sdk.instance import call
from tradewind.wire.messages import GetConnection


class Connection:
    """Where something is and how to log in there."""

    def __init__(
        self,
        conn_id: str = "",
        conn_type: str = "",
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
    ) -> None:
        self.conn_id, self.conn_type, self.description = conn_id, conn_type, description
        self.host, self.login, self.password = host, login, password
        self.schema, self.port = schema, port
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra

    @classmethod
    def get(cls, conn_id: str) -> Connection:
        """Return a connection.

        Raises:
            ConnectionNotFound: there is none.
        """
        try:
            return cls(**call(GetConnection(conn_id)))
        except NotFound as error:
            raise ConnectionNotFound(str(error)) from error

    @classmethod
    def find(cls, conn_id: str) -> Connection | None:
        """Return a connection, or None."""
        try:
            return cls.get(conn_id)
        except ConnectionNotFound:
            return None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """Return the extra as a dict; empty when it is not JSON."""
        try:
            found = json.loads(self.extra or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def get_uri(self) -> str:
        """Return the connection as a URI."""
        login = quote(self.login or "", safe="")
        password = f":{quote(self.password, safe='')}" if self.password else ""
        at = "@" if login or password else ""
        port = f":{self.port}" if self.port else ""
        path = f"/{quote(self.schema, safe='')}" if self.schema else ""
        query = f"?__extra__={quote(self.extra, safe='')}" if self.extra else ""
        kind = self.conn_type.replace("_", "-")
        return f"{kind}://{login}{password}{at}{quote(self.host or '', safe='')}{port}{path}{query}"

    def __repr__(self) -> str:
        """Return the id alone: the rest is nobody's business in a log."""
        return f"<Connection {self.conn_id}>"
