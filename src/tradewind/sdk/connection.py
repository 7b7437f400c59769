"""Connections: where something is and how to log in there."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tradewind.errors import NotFound
from tradewind.sdk import runtime, secrets_backend
from tradewind.sdk.exceptions import AirflowException, ConnectionNotFound
from tradewind.sdk.lookup import from_environment
from tradewind.sdk.masking import mask_secret
from tradewind.wire.messages import GetConnection

_EXTRA_KEY = "__extra__"
"""In a URI's query: the whole extra as JSON, where it is more than flat strings."""

_FIELDS = ("conn_type", "description", "host", "schema", "login", "password", "port", "extra")

_HOOKS = {
    "fs": "tradewind.sdk.hooks.filesystem.FSHook",
}
"""Hooks of connection types that come with Tradewind; packages may register more."""


def _provided(conn_type: str) -> str | None:
    """Return the hook that an installed provider package has for a type of connection."""
    from tradewind.sdk.providers import connection_kinds  # noqa: PLC0415  looks at all packages

    kind = connection_kinds().get(conn_type)
    return None if kind is None else kind.hook


def register_hook(conn_type: str, classpath: str) -> None:
    """Say which hook `Connection.get_hook` makes for a type of connection."""
    _HOOKS[conn_type] = classpath


class Connection:
    """A connection.

    Args:
        conn_id: its name.
        conn_type: what it leads to: "postgres", "http", "fs", …
        description: for people.
        host, login, password, schema, port: as the type needs them.
        extra: anything else, a dict or a JSON object.
        uri: all of it in one URI instead of the parts.

    Raises:
        AirflowException: both a URI and parts are given, or one of them is not right.
    """

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | str | None = None,
        extra: str | Mapping[str, Any] | None = None,
        uri: str | None = None,
    ) -> None:
        self.conn_id, self.description = conn_id, description
        if uri is not None:
            if any(part is not None for part in (conn_type, host, login, password, schema, port)):
                raise AirflowException(
                    f"connection {conn_id!r}: give either a uri or its parts (conn_type, host, …)"
                )
            parts = _parse_uri(uri)
            if extra is None:
                extra = parts.pop("extra")
            parts.pop("extra", None)
        else:
            parts = {
                "conn_type": conn_type,
                "host": host,
                "login": login,
                "password": password,
                "schema": schema,
                "port": port,
            }
        self.conn_type: str | None = parts["conn_type"]
        self.host: str | None = parts["host"]
        self.login: str | None = parts["login"]
        self.password: str | None = parts["password"]
        self.schema: str | None = parts["schema"]
        self.port = _port(conn_id, parts["port"])
        self.extra = json.dumps(extra) if isinstance(extra, Mapping) else extra or None
        mask_secret(self.password)
        mask_secret(self.extra_dejson)

    # ---- finding ------------------------------------------------------------------------

    @classmethod
    def get(cls, conn_id: str) -> Self:
        """Return a connection: from the secrets backend, the environment, or the server.

        Raises:
            ConnectionNotFound: there is none.
        """
        kept = secrets_backend.connection(conn_id)
        if kept is not None:
            return cls(conn_id, **{name: getattr(kept, name) for name in _FIELDS})
        text = from_environment("CONN", conn_id)
        if text is not None:
            return cls.from_text(text, conn_id)
        try:
            found = runtime.call(GetConnection(conn_id))
        except NotFound:
            raise ConnectionNotFound(
                f"there is no connection {conn_id!r}. Make it with `tradewind connections add"
                f" {conn_id} …`, or set TRADEWIND_CONN_{conn_id.upper()} to its URI or JSON"
            ) from None
        return cls(conn_id, **{k: v for k, v in found.items() if k in _FIELDS})

    @classmethod
    async def async_get(cls, conn_id: str) -> Self:
        """Return a connection; see `get`. The call is short and done on the spot."""
        return cls.get(conn_id)

    @classmethod
    def from_text(cls, text: str, conn_id: str | None = None) -> Self:
        """Return the connection that a URI or a JSON object describes."""
        return (
            cls.from_json(text, conn_id)
            if text.lstrip().startswith("{")
            else (cls.from_uri(text, conn_id))
        )

    @classmethod
    def from_uri(cls, uri: str, conn_id: str | None = None) -> Self:
        """Return the connection that a URI describes."""
        return cls(conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Self:
        """Return the connection that a JSON object describes.

        Raises:
            AirflowException: it is not a JSON object with the fields of a connection.
        """
        try:
            fields = json.loads(value)
        except ValueError as error:
            raise AirflowException(f"connection {conn_id!r} is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise AirflowException(f"connection {conn_id!r} must be a JSON object")
        if "uri" in fields:
            return cls(conn_id, uri=fields["uri"], extra=fields.get("extra"))
        fields = {_OLD_NAMES.get(k, k): v for k, v in fields.items()}
        unknown = sorted(set(fields) - {*_FIELDS, "conn_id"})
        if unknown:
            raise AirflowException(
                f"connection {conn_id!r} has unknown fields {', '.join(unknown)};"
                f" known are {', '.join(_FIELDS)}"
            )
        if isinstance(fields.get("conn_type"), str):
            fields["conn_type"] = _type_of_scheme(fields["conn_type"])
        fields.pop("conn_id", None)
        return cls(conn_id, **fields)

    # ---- reading ------------------------------------------------------------------------

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """Return the extra as a dict; empty when it is no JSON object."""
        try:
            found = json.loads(self.extra or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:
        """Return the extra as a dict; with `nested`, JSON inside its strings is read too."""
        extra = self.extra_dejson
        return {k: _nested(v) for k, v in extra.items()} if nested else extra

    def get_password(self) -> str | None:
        """Return the password."""
        return self.password

    def get_uri(self) -> str:
        """Return the connection as a URI."""
        scheme = (self.conn_type or "").lower().replace("_", "-")
        host, inner = self.host or "", ""
        if "://" in host:  # a scheme of its own, as in "https://example.org"
            inner, _, host = host.partition("://")
            inner += "://"
        login = quote(self.login or "", safe="")
        if self.password is not None:
            login += f":{quote(self.password, safe='')}"
        place = f"{login}@" if login else ""
        place += quote(host, safe="")
        if self.port:
            place += f":{self.port}" if place else f"@:{self.port}"
        path = f"/{quote(self.schema, safe='')}" if self.schema else ""
        if not path and not place:
            path = "/"
        return f"{scheme}://{inner}{place}{path}{self._query()}"

    def _query(self) -> str:
        if not self.extra:
            return ""
        extra = self.extra_dejson
        flat = bool(extra) and all(isinstance(v, str) and v for v in extra.values())
        if flat and _EXTRA_KEY not in extra:
            return "?" + urlencode(extra)
        return "?" + urlencode({_EXTRA_KEY: self.extra})

    def to_dict(self, *, prune_empty: bool = False, validate: bool = True) -> dict[str, Any]:
        """Return the fields; the extra as a dict."""
        del validate  # accepted as in Airflow; the values were checked when this was made
        fields: dict[str, Any] = {"conn_id": self.conn_id}
        fields |= {name: getattr(self, name) for name in _FIELDS}
        fields["extra"] = self.extra_dejson
        return {k: v for k, v in fields.items() if v} if prune_empty else fields

    def as_json(self) -> str:
        """Return the connection as a JSON object, without its id and empty fields."""
        fields = self.to_dict(prune_empty=True)
        fields.pop("conn_id", None)
        return json.dumps(fields)

    # ---- using --------------------------------------------------------------------------

    def get_hook(self, *, hook_params: Mapping[str, Any] | None = None) -> Any:
        """Return a hook for this connection.

        Raises:
            AirflowException: no hook is known for the connection's type.
        """
        classpath = _HOOKS.get(self.conn_type or "") or _provided(self.conn_type or "")
        if classpath is None:
            raise AirflowException(
                f"connection {self.conn_id!r}: no hook is known for the type {self.conn_type!r};"
                " install the package that brings it, or make the hook yourself"
            )
        module, _, name = classpath.rpartition(".")
        hook_class = getattr(importlib.import_module(module), name)
        argument = {getattr(hook_class, "conn_name_attr", "conn_id"): self.conn_id}
        return hook_class(**argument, **(hook_params or {}))

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection with its hook; return whether it works, and what to say."""
        try:
            hook = self.get_hook()
            test = getattr(hook, "test_connection", None)
            if test is None:
                return False, f"the hook {type(hook).__name__} cannot test connections"
            status, message = test()
        except Exception as error:  # noqa: BLE001  hooks raise anything
            return False, str(error)
        return bool(status), str(message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Connection):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.conn_id, self.conn_type, self.host))

    def __str__(self) -> str:
        return self.conn_id or ""

    def __repr__(self) -> str:
        # The id and type alone: the rest is nobody's business in a log.
        return f"<Connection {self.conn_id} ({self.conn_type})>"


_OLD_NAMES = {"user": "login", "username": "login", "type": "conn_type", "dbname": "schema"}


def _parse_uri(uri: str) -> dict[str, Any]:
    scheme, separator, rest = uri.partition("://")
    if not separator and ":" not in uri:
        raise AirflowException(
            "a connection's URI looks like type://login:password@host:port/schema?key=value"
        )
    inner = ""
    if "://" in rest.partition("?")[0]:  # http://https://host: the host has its own scheme
        inner, _, rest = rest.partition("://")
        inner += "://"
    parts = urlsplit(f"{scheme}://{rest}")
    place = parts.netloc.rpartition("@")[2]
    host, port = place, None
    if not place.endswith("]") and ":" in place:
        host, _, port = place.rpartition(":")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return {
        "conn_type": _type_of_scheme(scheme),
        "host": inner + unquote(host) if host or inner else "",
        "schema": unquote(parts.path.removeprefix("/")),
        "login": unquote(parts.username) if parts.username else parts.username,
        "password": unquote(parts.password) if parts.password else parts.password,
        "port": port or None,
        "extra": query[_EXTRA_KEY] if _EXTRA_KEY in query else query or None,  # noqa: SIM401  an empty query is None
    }


def _type_of_scheme(scheme: str) -> str:
    name = scheme.replace("-", "_")
    return "postgres" if name == "postgresql" else name


def _port(conn_id: str | None, value: Any) -> int | None:
    if value in {None, ""}:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AirflowException(
            f"connection {conn_id!r}: port must be a number, not {value!r}"
        ) from None


def _nested(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return _nested(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {k: _nested(v) for k, v in value.items()}
    return value
