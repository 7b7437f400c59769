"""Bring the schema up to date, and tell when it is not.

Alembic is imported only when there is something to do: most starts need one query.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, inspect, text
from sqlalchemy.exc import DBAPIError

from tradewind.errors import ConfigError
from tradewind.model.spec import DEFAULT_POOL
from tradewind.store import tables
from tradewind.store.connect import Database

HEAD = "0001"
"""The newest migration; a test compares it with the folder."""

DEFAULT_POOL_SLOTS = 128
_VERSION_TABLE = "alembic_version"


def current(db: Database) -> str | None:
    """Return the revision the database is at; None when it is empty."""
    with db.read() as conn:
        try:
            if not inspect(conn).has_table(_VERSION_TABLE):
                return None
            return conn.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608
        except DBAPIError as error:
            raise ConfigError(f"the database's schema cannot be read: {error.orig}") from error


def check(db: Database) -> None:
    """Refuse a database that is not at this code's revision.

    Raises:
        ConfigError: it is empty, older or newer; the message says what to do.
    """
    found = current(db)
    if found == HEAD:
        return
    if found is None:
        raise ConfigError("the database has no tables yet; run `tradewind db migrate`")
    if found > HEAD:
        raise ConfigError(
            f"the database is at revision {found}, this Tradewind knows {HEAD}; "
            "upgrade Tradewind, or restore a backup"
        )
    raise ConfigError(
        f"the database is at revision {found}, this Tradewind needs {HEAD}; "
        "run `tradewind db migrate`"
    )


def migrate(db: Database, default_pool_slots: int = DEFAULT_POOL_SLOTS) -> str | None:
    """Migrate to the newest revision; return the revision before (None: it was empty).

    Raises:
        ConfigError: the database is newer than this code.
    """
    before = current(db)
    if before is not None and before > HEAD:
        check(db)
    if before == HEAD:
        return before
    from alembic import command  # noqa: PLC0415  slow to import and rarely needed
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415

    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with db.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        if before is None:
            conn.execute(
                insert(tables.pool).values(
                    name=DEFAULT_POOL,
                    slots=default_pool_slots,
                    description="Tasks that name no pool.",
                    include_deferred=False,
                )
            )
    return before
