"""The migrations add up to the schema of the code, on both databases."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import tradewind.store.migrations
from tests.servers import PostgresServer
from tradewind.errors import ConfigError, Unavailable
from tradewind.store import pools, tables
from tradewind.store.connect import Database, open_database
from tradewind.store.migrate import HEAD, check, current, migrate, pending

_POSTGRES_SCHEMA = """
    SELECT 'column', table_name, column_name,
           concat_ws(' ', data_type, is_nullable, column_default, is_identity)
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""


def schema(db: Database) -> dict[tuple[str, ...], str]:
    """Return every column, index and constraint as the database tells it."""
    found: dict[tuple[str, ...], str] = {}
    with db.read() as conn:
        if db.dialect == "postgresql":
            rows: Any = conn.execute(text(_POSTGRES_SCHEMA))
        else:
            rows = conn.execute(
                text("SELECT type, tbl_name, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
            )
        for kind, table, name, definition in rows:
            if table not in {"alembic_version", "sqlite_sequence"}:
                found[kind, table, name] = plain(definition)
    return found


def plain(definition: str) -> str:
    """Drop white space, quotes, and the order of a table's parts, which mean nothing."""
    text_ = " ".join(definition.replace('"', "").split())
    return " ".join(sorted(text_.replace("(", " ( ").replace(")", " ) ").replace(",", " ").split()))


def make_from_code(db: Database) -> None:
    with db.write() as conn:
        tables.metadata.create_all(conn)


def test_the_schema_is_the_sum_of_the_migrations(
    empty_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    migrated = open_database(empty_url)
    assert pending(migrated)[0] == "0001"
    assert pending(migrated)[-1] == HEAD
    assert migrate(migrated) is None
    other_url = f"sqlite:///{tmp_path / 'code.db'}"
    server: PostgresServer | None = None
    if migrated.dialect == "postgresql":
        server = request.getfixturevalue("postgres_server")
        other_url = server.url(server.create())
    from_code = open_database(other_url)
    make_from_code(from_code)
    assert schema(migrated) == schema(from_code)
    assert len({key[1] for key in schema(migrated)}) == len(tables.metadata.tables)
    migrated.close()
    from_code.close()


def test_head_is_the_newest_migration() -> None:
    folder = Path(tradewind.store.migrations.__file__).parent / "versions"
    assert max(path.name[:4] for path in folder.glob("0*.py")) == HEAD


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    db = open_database(empty_url)
    assert migrate(db, default_pool_slots=7) is None
    assert migrate(db, default_pool_slots=9) == HEAD
    assert [(p.name, p.slots) for p in pools.all_pools(db)] == [("default_pool", 7)]
    check(db)
    assert pending(db) == ()
    db.close()


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    databases = [open_database(empty_url) for _ in range(3)]
    failures: list[Exception] = []

    def run(db: Database) -> None:
        try:
            migrate(db)
        except Exception as error:  # noqa: BLE001  shown below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(db,)) for db in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check(databases[0])
    for db in databases:
        db.close()


def test_an_empty_database_is_told(empty_url: str) -> None:
    db = open_database(empty_url)
    assert current(db) is None
    with pytest.raises(ConfigError, match="tradewind db migrate"):
        check(db)
    db.close()


def test_a_newer_database_is_refused_by_name(db: Database) -> None:
    with db.write() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (check, migrate):
        with pytest.raises(ConfigError, match=f"9999.*{HEAD}"):
            act(db)


def test_an_unreachable_server_is_told() -> None:
    db = open_database("postgresql://u@127.0.0.1:1/d")
    with pytest.raises(Unavailable, match="cannot be reached"):
        migrate(db)
