"""Bring the schema up to date, and tell when it is not.

Alembic is imported only when there is something to do: most starts need one query.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from tradewind.errors import ConfigError
from tradewind.model.spec import DEFAULT_POOL
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore

HEAD = "0016"
"""The newest migration; a test compares it with the folder."""

DEFAULT_POOL_SLOTS = 128
_VERSION_TABLE = "alembic_version"
_FOLDER = Path(__file__).parent / "migrations"
_VERSIONS = _FOLDER / "versions"
_SELECT_VERSION = text("SELECT version_num FROM alembic_version")
_LOCK_KEY = 0x7472_6164_6577_696E
"""Of PostgreSQL's advisory lock: "tradewin" in ASCII."""


def current(db: Database) -> str | None:
    """Return the revision the database is at; None when it is empty."""
    with db.read() as conn:
        if not inspect(conn).has_table(_VERSION_TABLE):
            return None
        return conn.execute(_SELECT_VERSION).scalar()


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
            f"the database is at revision {found}, this Tradewind knows up to {HEAD}; "
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
    config.set_main_option("script_location", str(_FOLDER))
    with db.write() as conn:
        if db.dialect == "postgresql":
            # Two processes may start at once on an empty database. (SQLite has one writer.)
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        conn.execute(
            insert_or_ignore(tables.pool),
            {
                "name": DEFAULT_POOL,
                "slots": default_pool_slots,
                "description": "Tasks that name no pool.",
                "include_deferred": False,
            },
        )
    return before


def pending(db: Database) -> tuple[str, ...]:
    """Return the revisions that `migrate` would apply, oldest first."""
    found = current(db) or ""
    names = (path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))
    return tuple(sorted(name for name in names if name > found))
