"""Variables and connections: looked up in the environment first, then here, sealed at rest.

At rest a value is an AES-256-GCM envelope "v2:<key id>:<nonce>:<ciphertext>" whose additional
data names the table and row, so that a ciphertext moved to another row does not open. The
first key seals; every configured key opens; `rotate` seals all values with the first again.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, insert, select, update

from tradewind.errors import ConfigError, NotFound, UserError
from tradewind.store import tables
from tradewind.store.connect import Database

_NONCE_BYTES = 12
_VARIABLE_PREFIXES = ("TRADEWIND_VAR_", "AIRFLOW_VAR_")
_CONNECTION_PREFIXES = ("TRADEWIND_CONN_", "AIRFLOW_CONN_")


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


class Box:
    """Seal and open values."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError(
                "no encryption key: set database.encryption_keys, or let `tradewind db migrate` "
                "make one"
            )
        self._keys = {_key_id(k): AESGCM(_key_bytes(k)) for k in keys}
        self._first = _key_id(keys[0])

    def seal(self, value: bytes, where: str) -> bytes:
        """Encrypt a value for one place ("variable/key")."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, value, where.encode())
        return b":".join(
            [b"v2", self._first.encode(), base64.b64encode(nonce), base64.b64encode(sealed)]
        )

    def open(self, envelope: bytes, where: str) -> bytes:
        """Decrypt a value.

        Raises:
            ConfigError: the key that sealed it is not configured, or the row was tampered with.
        """
        version, _, rest = envelope.partition(b":")
        key_id, nonce, sealed = rest.split(b":")
        key = self._keys.get(key_id.decode())
        if version != b"v2" or key is None:
            raise ConfigError(
                f"{where} was encrypted with key {key_id.decode()!r}, which is not configured; "
                "add it to database.encryption_keys"
            )
        try:
            return key.decrypt(base64.b64decode(nonce), base64.b64decode(sealed), where.encode())
        except InvalidTag as error:
            raise ConfigError(f"{where} does not decrypt: the row was changed") from error

    def is_current(self, envelope: bytes) -> bool:
        """Tell whether the first key sealed this."""
        return envelope.split(b":")[1].decode() == self._first


class Secrets:
    """Variables and connections."""

    def __init__(self, db: Database, box: Box, env: Mapping[str, str]) -> None:
        self._db = db
        self._box = box
        self._env = env

    def get_variable(self, key: str) -> str:
        """Return a variable's value.

        Raises:
            NotFound: there is none.
        """
        for prefix in _VARIABLE_PREFIXES:
            if (value := self._env.get(prefix + key.upper())) is not None:
                return value
        table = tables.variable
        with self._db.read() as conn:
            sealed = conn.execute(
                select(table.c.value).where(table.c.key == key)
            ).scalar_one_or_none()
        if sealed is None:
            raise NotFound(
                f"there is no variable {key!r}; set it with `tradewind variables set {key} VALUE`"
            )
        return self._box.open(sealed, f"variable/{key}").decode()

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        """Make or change a variable."""
        table = tables.variable
        values: dict[str, Any] = {"value": self._box.seal(value.encode(), f"variable/{key}")}
        if description is not None:
            values["description"] = description
        with self._db.write() as conn:
            if conn.execute(update(table).where(table.c.key == key).values(values)).rowcount == 0:
                conn.execute(insert(table).values(key=key, **values))

    def delete_variable(self, key: str) -> bool:
        """Remove a variable; False when there was none."""
        table = tables.variable
        with self._db.write() as conn:
            return conn.execute(delete(table).where(table.c.key == key)).rowcount > 0

    def variable_keys(self, prefix: str = "") -> list[str]:
        """Return the keys of stored variables, sorted."""
        table = tables.variable
        with self._db.read() as conn:
            keys = conn.execute(select(table.c.key).order_by(table.c.key)).scalars().all()
        return [key for key in keys if key.startswith(prefix)]

    def get_connection(self, conn_id: str) -> ConnectionValue:
        """Return a connection.

        Raises:
            NotFound: there is none.
        """
        for prefix in _CONNECTION_PREFIXES:
            if (value := self._env.get(prefix + conn_id.upper())) is not None:
                return parse_connection(conn_id, value)
        table = tables.connection
        with self._db.read() as conn:
            sealed = conn.execute(
                select(table.c.value).where(table.c.conn_id == conn_id)
            ).scalar_one_or_none()
        if sealed is None:
            raise NotFound(
                f"there is no connection {conn_id!r}; "
                f"add it with `tradewind connections add {conn_id} --conn-uri URI`"
            )
        opened = self._box.open(sealed, f"connection/{conn_id}")
        return msgspec.json.decode(opened, type=ConnectionValue)

    def set_connection(self, value: ConnectionValue) -> None:
        """Make or change a connection."""
        table = tables.connection
        where = f"connection/{value.conn_id}"
        values = {
            "conn_type": value.conn_type,
            "description": value.description,
            "value": self._box.seal(msgspec.json.encode(value), where),
        }
        with self._db.write() as conn:
            changed = conn.execute(
                update(table).where(table.c.conn_id == value.conn_id).values(values)
            )
            if changed.rowcount == 0:
                conn.execute(insert(table).values(conn_id=value.conn_id, **values))

    def delete_connection(self, conn_id: str) -> bool:
        """Remove a connection; False when there was none."""
        table = tables.connection
        with self._db.write() as conn:
            return conn.execute(delete(table).where(table.c.conn_id == conn_id)).rowcount > 0

    def connection_ids(self) -> list[tuple[str, str]]:
        """Return (id, type) of stored connections, by id."""
        table = tables.connection
        with self._db.read() as conn:
            rows = conn.execute(
                select(table.c.conn_id, table.c.conn_type).order_by(table.c.conn_id)
            ).all()
        return [(r.conn_id, r.conn_type) for r in rows]

    def rotate(self) -> int:
        """Seal every value with the first key; return how many were not yet."""
        count = 0
        for table, key, kind in (
            (tables.variable, "key", "variable"),
            (tables.connection, "conn_id", "connection"),
        ):
            with self._db.read() as conn:
                names = conn.execute(select(table.c[key])).scalars().all()
            for name in names:
                count += self._reseal(table, key, name, f"{kind}/{name}")
        return count

    def _reseal(self, table: Any, key: str, name: str, where: str) -> int:
        with self._db.write() as conn:
            old = conn.execute(select(table.c.value).where(table.c[key] == name)).scalar_one()
            if self._box.is_current(old):
                return 0
            fresh = self._box.seal(self._box.open(old, where), where)
            conn.execute(update(table).where(table.c[key] == name).values(value=fresh))
        return 1


def open_secrets(db: Database, keys: Sequence[str], env: Mapping[str, str]) -> Secrets:
    """Return the secrets of a database.

    Raises:
        ConfigError: there is no key, or one is not right.
    """
    return Secrets(db, Box(keys), env)


def new_key() -> str:
    """Return a fresh key."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def ensure_key_file(path: Path) -> tuple[str, ...]:
    """Return the keys in a file (newest first), making the file with one key if missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(new_key() + "\n")
    return tuple(k for k in path.read_text(encoding="utf-8").split() if k)


def parse_connection(conn_id: str, text: str) -> ConnectionValue:
    """Return the connection of Airflow's URI or JSON form.

    Raises:
        UserError: the text is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            data = msgspec.json.decode(text.encode(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise UserError(f"connection {conn_id!r} is not valid JSON: {error}") from error
        extra = data.get("extra")
        return ConnectionValue(
            conn_id=conn_id,
            conn_type=str(data.get("conn_type") or ""),
            description=data.get("description"),
            host=data.get("host"),
            schema=data.get("schema"),
            login=data.get("login"),
            password=data.get("password"),
            port=int(data["port"]) if data.get("port") else None,
            extra=extra if isinstance(extra, str | None) else msgspec.json.encode(extra).decode(),
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UserError(f"connection {conn_id!r} is not a URI: {error}") from error
    if not parts.scheme:
        raise UserError(f"connection {conn_id!r} is neither a URI nor JSON")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra_text = query.pop("__extra__", None) or (
        msgspec.json.encode(query).decode() if query else None
    )
    host = unquote(parts.hostname or "") or None
    return ConnectionValue(
        conn_id=conn_id,
        conn_type="postgres" if parts.scheme == "postgresql" else parts.scheme.replace("-", "_"),
        host=host,
        schema=unquote(parts.path[1:]) or None,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        port=port,
        extra=extra_text,
    )


def _key_bytes(key: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except ValueError as error:
        raise ConfigError("an encryption key is not URL-safe base64") from error
    if len(raw) != 32:
        raise ConfigError("an encryption key must be 32 bytes in URL-safe base64")
    return raw


def _key_id(key: str) -> str:
    return hashlib.sha256(_key_bytes(key)).hexdigest()[:8]
