"""Connections. Passwords and what is secret in extras go in and never come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.telling import SHOWN, hide, restore
from tradewind.store.connections import ConnectionValue
from tradewind.store.read import secret_list
from tradewind.store.read.paging import Page
from tradewind.store.secrets import Secrets
from tradewind.web.access import Access
from tradewind.web.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate, carry_out
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, MaskQuery, Shape, slice_of

routes = Routes("Connection")
_ALL = "/api/v2/connections"
_ONE = f"{_ALL}/{{connection_id:path}}"
_FIELDS = ("conn_type", "description", "host", "login", "schema", "port", "password", "extra")
_ID = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[\w.-]+$")]
_Port = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class ConnectionBody(Body):
    """A connection. extra: JSON text."""

    connection_id: _ID
    conn_type: Annotated[str, Meta(max_length=500)]
    description: str | None = None
    host: str | None = None
    login: str | None = None
    schema: str | None = None
    port: _Port | None = None
    password: str | None = None
    extra: str | None = None
    team_name: Annotated[str, Meta(max_length=50)] | None = None


class ConnectionsQuery(Page, kw_only=True):
    """Which connections are wanted."""

    connection_id_pattern: str | None = None
    connection_id_prefix_pattern: str | None = None


class ConnectionResponse(Shape):
    """A connection; what is secret of it is hidden."""

    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema: str | None
    port: int | None
    password: str | None
    extra: str | None
    team_name: str | None


class ConnectionCollectionResponse(Shape):
    """Connections."""

    connections: list[ConnectionResponse]
    total_entries: int


class BulkBody(Body):
    """Many changes of connections."""

    actions: list[
        BulkCreate[ConnectionBody] | BulkUpdate[ConnectionBody] | BulkDelete[ConnectionBody]
    ]


@routes.get(_ALL, Access.OP)
def get_connections(call: Call[ConnectionsQuery, None]) -> ConnectionCollectionResponse:
    """List connections."""
    query = call.query
    ids, total = secret_list.connection_ids(
        call.site.db,
        query.connection_id_pattern,
        query.connection_id_prefix_pattern,
        slice_of(call.site.config, query, "connection_id"),
    )
    shown = [_shape(call.site.secrets.connection(conn_id)) for conn_id in ids]
    return ConnectionCollectionResponse(connections=shown, total_entries=total)


@routes.get(_ONE, Access.OP)
def get_connection(call: Call[None, None]) -> ConnectionResponse:
    """Return a connection."""
    return _shape(call.site.secrets.connection(call.path["connection_id"]))


@routes.post(_ALL, Access.OP, status=201)
def post_connection(call: Call[None, ConnectionBody]) -> ConnectionResponse:
    """Make a connection."""
    kept, body = Connections(call.site.secrets), call.body
    if kept.exists(body.connection_id):
        raise AlreadyExists(f"there is a connection {body.connection_id!r} already")
    kept.create(body)
    made = call.site.secrets.connection(body.connection_id)
    call.audit(after=_open_fields(made))
    return _shape(made)


@routes.patch(_ONE, Access.OP)
def patch_connection(call: Call[MaskQuery, ConnectionBody]) -> ConnectionResponse:
    """Change a connection. What comes back hidden stays as it is."""
    conn_id, body, mask = call.path["connection_id"], call.body, call.query.update_mask
    if body.connection_id != conn_id:
        raise invalid("connection_id", f"is not the id in the path, {conn_id!r}")
    unknown = set(mask) - {"connection_id", "team_name", *_FIELDS}
    if unknown:
        raise invalid("update_mask", f"names no field of a connection: {mask}", where="query")
    before = call.site.secrets.connection(conn_id)
    Connections(call.site.secrets).update(body, mask)
    after = call.site.secrets.connection(conn_id)
    secret = [
        name for name in ("password", "extra") if getattr(before, name) != getattr(after, name)
    ]
    call.audit(before=_open_fields(before), after={**_open_fields(after), "secret": secret})
    return _shape(after)


@routes.patch(_ALL, Access.OP)
def bulk_connections(call: Call[None, BulkBody]) -> BulkResponse:
    """Make, change and remove many connections."""
    done = carry_out(call.body.actions, Connections(call.site.secrets))
    call.audit(after=msgspec.to_builtins(done))
    return done


@routes.delete(_ONE, Access.OP)
def delete_connection(call: Call[None, None]) -> None:
    """Remove a connection."""
    conn_id = call.path["connection_id"]
    before = call.site.secrets.connection(conn_id)
    Connections(call.site.secrets).delete(conn_id)
    call.audit(before=_open_fields(before))


class Connections:
    """Connections that can be changed one by one."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def key(self, entity: ConnectionBody) -> str:
        """Return a connection's id."""
        return entity.connection_id

    def exists(self, key: str) -> bool:
        """Tell whether there is a connection of this id."""
        try:
            self._secrets.connection(key)
        except NotFound:
            return False
        return True

    def create(self, entity: ConnectionBody) -> None:
        """Make a connection."""
        self._secrets.set_connection(_value(entity, ConnectionValue(conn_id=""), _FIELDS))

    def update(self, entity: ConnectionBody, mask: Sequence[str]) -> None:
        """Change a connection; hidden parts stay as they are."""
        old = self._secrets.connection(entity.connection_id)
        names = [name for name in _FIELDS if not mask or name in mask]
        self._secrets.set_connection(_value(entity, old, names))

    def delete(self, key: str) -> None:
        """Remove a connection.

        Raises:
            NotFound: there is none.
        """
        if not self._secrets.delete_connection(key):
            raise NotFound(f"there is no connection {key!r}")


def _value(body: ConnectionBody, old: ConnectionValue, names: Sequence[str]) -> ConnectionValue:
    changed: dict[str, Any] = {name: getattr(body, name) for name in names}
    if changed.get("password") == SHOWN:
        changed["password"] = old.password
    if changed.get("extra"):
        changed["extra"] = _restored_extra(changed["extra"], old.extra)
    return msgspec.structs.replace(old, conn_id=body.connection_id, **changed)


def as_meant(body: ConnectionBody, old: ConnectionValue) -> ConnectionValue:
    """Return the connection of a body, what is hidden in it as it is stored.

    Raises:
        Invalid: something is hidden, and something else differs from what is stored: whoever may
            test would have a stored password sent to a server of their choice.
    """
    value = _value(body, old, _FIELDS)
    if value != old and SHOWN in (body.password or "") + (body.extra or ""):
        raise invalid("password", "say what is secret: something else differs from what is stored")
    return value


def _restored_extra(text: str, old: str | None) -> str:
    if text == SHOWN:
        return old or ""
    try:
        new = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("extra", f"is not JSON: {error}") from error
    if not isinstance(new, dict):
        raise invalid("extra", "is not a JSON object")
    try:
        was = msgspec.json.decode(old) if old else {}
    except msgspec.DecodeError:
        was = {}
    return msgspec.json.encode(restore(new, was)).decode()


def _shape(found: ConnectionValue) -> ConnectionResponse:
    return ConnectionResponse(
        connection_id=found.conn_id,
        conn_type=found.conn_type,
        description=found.description,
        host=found.host,
        login=found.login,
        schema=found.schema,
        port=found.port,
        password=SHOWN if found.password else None,
        extra=_hidden_extra(found.extra),
        team_name=None,
    )


def _hidden_extra(text: str | None) -> str | None:
    if not text:
        return text
    try:
        parsed = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # Nobody can tell what of it is secret.
        return SHOWN
    return msgspec.json.encode(hide(parsed)).decode()


def _open_fields(found: ConnectionValue) -> dict[str, Any]:
    """Return what the audit log may show."""
    return {name: getattr(found, name) for name in _FIELDS if name not in {"password", "extra"}}
