"""Variables and connections: in files, in the environment, and here, sealed at rest.

Whoever asks for one is answered from the first place that has it, in Airflow's order: the
configured files, then the environment (TRADEWIND_VAR_X, AIRFLOW_VAR_X and the same with CONN),
then the database. Writing goes to the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, delete, select, update

from tradewind.config import Config
from tradewind.errors import NotFound
from tradewind.store import tables
from tradewind.store.account_tables import kept_answer
from tradewind.store.connect import Database
from tradewind.store.connections import ConnectionValue, parse_connection
from tradewind.store.dialect import insert_or_ignore, insert_or_replace
from tradewind.store.sealing import Box, ensure_key_file, new_key
from tradewind.store.secret_files import SecretFiles

__all__ = [
    "Box",
    "ConnectionValue",
    "Secrets",
    "VariableValue",
    "configured_keys",
    "ensure_key_file",
    "new_key",
    "open_secrets",
    "parse_connection",
]

_VARIABLE_PREFIXES = ("TRADEWIND_VAR_", "AIRFLOW_VAR_")
_CONNECTION_PREFIXES = ("TRADEWIND_CONN_", "AIRFLOW_CONN_")

_variable, _connection = tables.variable, tables.connection
_SEALED: tuple[tuple[Column[str], Column[bytes]], ...] = (
    (_variable.c.key, _variable.c.value),
    (_connection.c.conn_id, _connection.c.value),
    (kept_answer.c.request_id, kept_answer.c.answer),
)
"""What names a sealed value, and the value. Each is sealed for "table/name"."""


class VariableValue(msgspec.Struct, frozen=True, kw_only=True):
    """A variable as it is stored."""

    key: str
    value: str
    description: str | None = None


class Secrets:
    """Variables and connections."""

    def __init__(
        self, db: Database, box: Box, env: Mapping[str, str], files: SecretFiles | None = None
    ) -> None:
        self._db = db
        self._box = box
        self._env = env
        self._files = files or SecretFiles()

    # ---- variables ------------------------------------------------------------------------

    def get_variable(self, key: str) -> str:
        """Return a variable's value, wherever it is from.

        Raises:
            NotFound: there is none.
        """
        found = self._files.variable(key)
        if found is None:
            found = _from_env(self._env, _VARIABLE_PREFIXES, key)
        return found if found is not None else self.variable(key).value

    def variable(self, key: str) -> VariableValue:
        """Return a stored variable.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as conn:
            row = conn.execute(select(_variable).where(_variable.c.key == key)).one_or_none()
        if row is None:
            raise NotFound(
                f"there is no variable {key!r}; set it with `tradewind variables set {key} VALUE`"
            )
        return _to_variable(self._box, row)

    def variables(self, limit: int = 10_000, offset: int = 0) -> list[VariableValue]:
        """Return stored variables by key."""
        statement = select(_variable).order_by(_variable.c.key).limit(limit).offset(offset)
        with self._db.read() as conn:
            return [_to_variable(self._box, row) for row in conn.execute(statement)]

    def variable_keys(self, prefix: str = "") -> list[str]:
        """Return the keys of stored variables, sorted."""
        statement = select(_variable.c.key).where(
            _variable.c.key.startswith(prefix, autoescape=True)
        )
        with self._db.read() as conn:
            return sorted(conn.execute(statement).scalars())

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        """Make or change a variable. description: None keeps the one it has."""
        sealed = self._box.seal(value.encode(), f"variable/{key}")
        statement = insert_or_ignore(_variable)
        with self._db.write() as conn:
            made = conn.execute(
                statement, {"key": key, "value": sealed, "description": description}
            )
            if made.rowcount == 0:
                changes: dict[str, Any] = {"value": sealed}
                if description is not None:
                    changes["description"] = description
                conn.execute(update(_variable).where(_variable.c.key == key).values(changes))

    def delete_variable(self, key: str) -> bool:
        """Remove a variable; False when there was none."""
        with self._db.write() as conn:
            return conn.execute(delete(_variable).where(_variable.c.key == key)).rowcount > 0

    # ---- connections ----------------------------------------------------------------------

    def get_connection(self, conn_id: str) -> ConnectionValue:
        """Return a connection, wherever it is from.

        Raises:
            NotFound: there is none.
            UserError: the file or the environment variable that has it is not right.
        """
        found = self._files.connection(conn_id)
        if found is not None:
            return found
        text = _from_env(self._env, _CONNECTION_PREFIXES, conn_id)
        return parse_connection(conn_id, text) if text is not None else self.connection(conn_id)

    def connection(self, conn_id: str) -> ConnectionValue:
        """Return a stored connection.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as conn:
            row = conn.execute(
                select(_connection).where(_connection.c.conn_id == conn_id)
            ).one_or_none()
        if row is None:
            raise NotFound(
                f"there is no connection {conn_id!r}; "
                f"add it with `tradewind connections add {conn_id} --conn-uri URI`"
            )
        return _to_connection(self._box, row)

    def connections(self, limit: int = 10_000, offset: int = 0) -> list[ConnectionValue]:
        """Return stored connections by id."""
        statement = select(_connection).order_by(_connection.c.conn_id)
        with self._db.read() as conn:
            found = conn.execute(statement.limit(limit).offset(offset))
            return [_to_connection(self._box, row) for row in found]

    def connection_ids(self) -> list[tuple[str, str]]:
        """Return (id, type) of stored connections, by id."""
        statement = select(_connection.c.conn_id, _connection.c.conn_type)
        with self._db.read() as conn:
            rows = conn.execute(statement.order_by(_connection.c.conn_id)).all()
        return [(row.conn_id, row.conn_type) for row in rows]

    def set_connection(self, value: ConnectionValue) -> None:
        """Make or change a connection."""
        where = f"connection/{value.conn_id}"
        row = {
            "conn_id": value.conn_id,
            "conn_type": value.conn_type,
            "description": value.description,
            "value": self._box.seal(msgspec.json.encode(value), where),
        }
        with self._db.write() as conn:
            conn.execute(insert_or_replace(_connection), row)

    def delete_connection(self, conn_id: str) -> bool:
        """Remove a connection; False when there was none."""
        gone = delete(_connection).where(_connection.c.conn_id == conn_id)
        with self._db.write() as conn:
            return conn.execute(gone).rowcount > 0

    # ---- keys -----------------------------------------------------------------------------

    def rotate(self) -> int:
        """Seal every value with the first key, and answers that are kept; return how many were not.

        Each value is a transaction of its own: whatever interrupts this, all values stay
        readable and the next call does the rest.
        """
        count = 0
        for name, sealed in _SEALED:
            with self._db.read() as conn:
                names = conn.execute(select(name)).scalars().all()
            count += sum(self._reseal(name == each, sealed, each) for each in names)
        return count

    def _reseal(self, named: ColumnElement[bool], sealed: Column[Any], name: str) -> int:
        where = f"{sealed.table.name}/{name}"
        with self._db.write() as conn:
            old = conn.execute(select(sealed).where(named).with_for_update()).scalar_one_or_none()
            if old is None or self._box.is_current(old, where):
                return 0
            fresh = self._box.seal(self._box.open(old, where), where)
            conn.execute(update(sealed.table).where(named).values({sealed: fresh}))
        return 1


def _from_env(env: Mapping[str, str], prefixes: Sequence[str], name: str) -> str | None:
    return next((env[p + name.upper()] for p in prefixes if p + name.upper() in env), None)


def _to_variable(box: Box, row: Any) -> VariableValue:
    value = box.open(row.value, f"variable/{row.key}").decode()
    return VariableValue(key=row.key, value=value, description=row.description)


def _to_connection(box: Box, row: Any) -> ConnectionValue:
    opened = box.open(row.value, f"connection/{row.conn_id}")
    return msgspec.json.decode(opened, type=ConnectionValue)


def configured_keys(config: Config) -> tuple[str, ...]:
    """Return the configured encryption keys, else those in the key file (made if missing)."""
    return config.database.encryption_keys or ensure_key_file(config.key_file)


def open_secrets(
    db: Database,
    keys: Sequence[str],
    env: Mapping[str, str],
    *,
    variables_file: Path | None = None,
    connections_file: Path | None = None,
) -> Secrets:
    """Return the secrets of a database.

    Raises:
        ConfigError: there is no key, or one is not right.
    """
    return Secrets(db, Box(keys), env, SecretFiles(variables_file, connections_file))
