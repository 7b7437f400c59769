"""Connections as values, and Airflow's two ways to write one down: a URI and JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from tradewind.errors import UserError

_EXTRA_KEY = "__extra__"
_SPELLINGS = {"postgresql": "postgres"}


class ConnectionValue(msgspec.Struct, kw_only=True):
    """A connection. extra: JSON text."""

    conn_id: str
    conn_type: str = ""
    description: str | None = None
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = None
    port: int | None = None
    extra: str | None = None


def parse_connection(conn_id: str, text: str) -> ConnectionValue:
    """Return the connection of Airflow's URI or JSON form.

    Raises:
        UserError: the text is neither. It is not shown: it may hold a password.
    """
    text = text.strip()
    return _from_json(conn_id, text) if text.startswith("{") else _from_uri(conn_id, text)


def from_fields(conn_id: str, fields: dict[str, Any]) -> ConnectionValue:
    """Return the connection of a mapping with Airflow's names.

    Raises:
        UserError: a field is not right.
    """
    if fields.get("uri"):
        return _from_uri(conn_id, str(fields["uri"]))
    known = {name for name in ConnectionValue.__struct_fields__ if name != "conn_id"}
    values = {name: fields[name] for name in known if fields.get(name) not in (None, "")}
    if not isinstance(values.get("extra", ""), str):
        values["extra"] = msgspec.json.encode(values["extra"]).decode()
    try:
        if "port" in values:
            values["port"] = int(values["port"])
        return msgspec.convert({"conn_id": conn_id, **values}, ConnectionValue)
    except (ValueError, TypeError) as error:
        raise UserError(f"connection {conn_id!r} is not right: {error}") from error


def _from_json(conn_id: str, text: str) -> ConnectionValue:
    try:
        fields = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UserError(f"connection {conn_id!r} is not valid JSON: {error}") from error
    return from_fields(conn_id, fields)


def _from_uri(conn_id: str, text: str) -> ConnectionValue:
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme:
        raise UserError(f"connection {conn_id!r} is neither a URI (type://host) nor JSON")
    # "http://https://host" is a connection of type http to a host with a scheme of its own.
    inner, separator, after = rest.partition("://")
    protocol = ""
    if separator and not set(inner) & set("@/?:"):
        protocol, rest = f"{inner}://", after
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError as error:
        raise UserError(f"connection {conn_id!r} is not a URI: {error}") from error
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = query.get(_EXTRA_KEY) or (msgspec.json.encode(query).decode() if query else None)
    host = _host(parts.netloc)
    kind = scheme.replace("-", "_")
    return ConnectionValue(
        conn_id=conn_id,
        conn_type=_SPELLINGS.get(kind, kind),
        host=f"{protocol}{host}" if protocol or host else None,
        schema=unquote(parts.path[1:]) or None,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        port=port,
        extra=extra,
    )


def _host(netloc: str) -> str:
    """Return the host as it is written: urlsplit's own puts it in lower case."""
    address = netloc.rpartition("@")[2]
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return unquote(address.rpartition(":")[0] if ":" in address else address)
