"""Variables and connections: sealed, rotated, found in files and the environment first."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tradewind.errors import ConfigError, NotFound, UserError
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.connections import ConnectionValue, parse_connection
from tradewind.store.sealing import Box, ensure_key_file, new_key
from tradewind.store.secrets import Secrets, open_secrets

OLD, NEW = new_key(), new_key()
CONNECTION = ConnectionValue(
    conn_id="pg",
    conn_type="postgres",
    description="the warehouse",
    host="db",
    schema="public",
    login="me",
    password="canary",
    port=5432,
    extra='{"sslmode":"require"}',
)


@pytest.fixture
def secrets(db: Database) -> Secrets:
    return open_secrets(db, [OLD], {})


def stored(db: Database) -> bytes:
    with db.read() as conn:
        values = [*conn.execute(select(tables.variable.c.value)).scalars()]
        values += conn.execute(select(tables.connection.c.value)).scalars()
    return b"".join(bytes(v) for v in values)


def test_a_variable_comes_back_and_is_sealed_at_rest(db: Database, secrets: Secrets) -> None:
    secrets.set_variable("k", "canary \x00 ü", "what it is for")
    assert secrets.get_variable("k") == "canary \x00 ü"
    secrets.set_variable("k", "canary2")
    found = secrets.variable("k")
    assert (found.value, found.description) == ("canary2", "what it is for")
    assert b"canary" not in stored(db)
    assert [v.key for v in secrets.variables()] == ["k"]
    assert secrets.delete_variable("k")
    assert not secrets.delete_variable("k")
    with pytest.raises(NotFound, match="tradewind variables set k"):
        secrets.get_variable("k")


def test_keys_are_listed_by_prefix(secrets: Secrets) -> None:
    for key in ("a_b", "axb", "b"):
        secrets.set_variable(key, "1")
    assert secrets.variable_keys() == ["a_b", "axb", "b"]
    assert secrets.variable_keys("a_") == ["a_b"]


def test_a_connection_comes_back_and_is_sealed_at_rest(db: Database, secrets: Secrets) -> None:
    secrets.set_connection(ConnectionValue(conn_id="pg", conn_type="mysql"))
    secrets.set_connection(CONNECTION)
    assert secrets.get_connection("pg") == CONNECTION
    assert secrets.connections() == [CONNECTION]
    assert secrets.connection_ids() == [("pg", "postgres")]
    assert b"canary" not in stored(db)
    assert secrets.delete_connection("pg")
    assert not secrets.delete_connection("pg")
    with pytest.raises(NotFound, match="tradewind connections add pg"):
        secrets.get_connection("pg")


def test_files_come_first_then_the_environment_then_the_database(
    db: Database, tmp_path: Path
) -> None:
    variables, connections = tmp_path / "v.json", tmp_path / "c.env"
    variables.write_text('{"file": "from file", "list": [1, 2]}')
    connections.write_text("# comment\nfile=mysql://h\n")
    env = {
        "AIRFLOW_VAR_FILE": "from env",
        "AIRFLOW_VAR_ENV": "from airflow",
        "TRADEWIND_VAR_ENV": "from tradewind",
        "AIRFLOW_CONN_ENV": "http://h",
    }
    secrets = open_secrets(db, [OLD], env, variables_file=variables, connections_file=connections)
    for key in ("file", "env", "db"):
        secrets.set_variable(key, "from db")
        secrets.set_connection(ConnectionValue(conn_id=key, conn_type="db"))
    assert [secrets.get_variable(k) for k in ("file", "env", "db", "list")] == [
        "from file",
        "from tradewind",
        "from db",
        "[1,2]",
    ]
    kinds = [secrets.get_connection(k).conn_type for k in ("file", "env", "db")]
    assert kinds == ["mysql", "http", "db"]
    variables.write_text('{"file": "changed since"}')
    assert secrets.get_variable("file") == "changed since"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [("v.json", "[1]", "not a JSON object"), ("v.yml", "a: 1", "end in .json or .env")],
)
def test_a_wrong_file_is_told(
    db: Database, tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    secrets = open_secrets(db, [OLD], {}, variables_file=tmp_path / name)
    with pytest.raises(ConfigError, match=says):
        secrets.get_variable("x")
    missing = open_secrets(db, [OLD], {}, variables_file=tmp_path / "missing.json")
    with pytest.raises(ConfigError, match=r"missing\.json"):
        missing.get_variable("x")


# ---- keys -----------------------------------------------------------------------------------


def test_rotation_seals_everything_with_the_new_key(db: Database, secrets: Secrets) -> None:
    secrets.set_variable("a", "1")
    secrets.set_connection(CONNECTION)
    both = open_secrets(db, [NEW, OLD], {})
    both.set_variable("b", "2")
    assert both.rotate() == 2
    assert both.rotate() == 0
    only_new = open_secrets(db, [NEW], {})
    assert [only_new.get_variable(k) for k in ("a", "b")] == ["1", "2"]
    assert only_new.get_connection("pg") == CONNECTION


def test_rotation_does_not_lose_what_is_written_meanwhile(db: Database) -> None:
    before, both = open_secrets(db, [OLD], {}), open_secrets(db, [NEW, OLD], {})
    for n in range(20):
        before.set_variable(f"k{n}", "old")

    def write() -> None:
        for n in range(20):
            both.set_variable(f"k{n}", "new")

    thread = threading.Thread(target=write)
    thread.start()
    both.rotate()
    thread.join()
    only_new = open_secrets(db, [NEW], {})
    assert {v.value for v in only_new.variables()} == {"new"}


def test_a_missing_key_is_named(db: Database, secrets: Secrets) -> None:
    secrets.set_variable("a", "1")
    with pytest.raises(ConfigError, match=r"variable/a was encrypted with key '[0-9a-f]{8}'"):
        open_secrets(db, [NEW], {}).get_variable("a")


def test_a_value_that_moved_to_another_row_does_not_open(db: Database, secrets: Secrets) -> None:
    secrets.set_variable("a", "mine")
    secrets.set_variable("b", "yours")
    table = tables.variable
    with db.write() as conn:
        sealed = conn.execute(select(table.c.value).where(table.c.key == "a")).scalar_one()
        conn.execute(update(table).where(table.c.key == "b").values(value=sealed))
    with pytest.raises(ConfigError, match="variable/b does not decrypt"):
        secrets.get_variable("b")


def test_a_flipped_bit_does_not_open() -> None:
    box = Box([OLD])
    sealed = box.seal(b"x", "variable/a")
    flipped = sealed[:-4] + (b"AAA=" if sealed[-4:] != b"AAA=" else b"AAE=")
    with pytest.raises(ConfigError):
        box.open(flipped, "variable/a")
    with pytest.raises(ConfigError, match="not an encrypted value"):
        box.open(b"plain text", "variable/a")


@pytest.mark.parametrize("keys", [[], ["short"], ["not base64 at all !!"]])
def test_wrong_keys_are_told_without_showing_them(keys: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Box(keys)
    assert all(key not in str(caught.value) for key in keys)


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "encryption.keys"
    keys = ensure_key_file(path)
    assert ensure_key_file(path) == keys
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["encryption.keys"]
    path.write_text(f"{NEW}\n{keys[0]}\n")
    assert ensure_key_file(path) == (NEW, keys[0])


# ---- Airflow's forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "postgresql://me:p%40ss@Db.Example:5432/public?sslmode=require",
            {
                "conn_type": "postgres",
                "login": "me",
                "password": "p@ss",
                "host": "Db.Example",
                "port": 5432,
                "schema": "public",
                "extra": '{"sslmode":"require"}',
            },
        ),
        ("aws://", {"conn_type": "aws"}),
        ("google-cloud-platform://", {"conn_type": "google_cloud_platform"}),
        ("http://https://example.com", {"conn_type": "http", "host": "https://example.com"}),
        (
            "http://https://u:p@example.com:8080/v1",
            {
                "conn_type": "http",
                "host": "https://example.com",
                "login": "u",
                "password": "p",
                "port": 8080,
                "schema": "v1",
            },
        ),
        ("ssh://h?__extra__=%7B%22a%22%3A%5B1%5D%7D", {"host": "h", "extra": '{"a":[1]}'}),
        ("mysql://[::1]:3306", {"host": "::1", "port": 3306}),
        (
            '{"conn_type": "x", "login": "u", "port": "22", "extra": {"k": [1]}}',
            {"conn_type": "x", "login": "u", "port": 22, "extra": '{"k":[1]}'},
        ),
        ('{"uri": "mysql://h"}', {"conn_type": "mysql", "host": "h"}),
        ('{"conn_type": "x", "extra": "{}", "unknown": 1}', {"conn_type": "x", "extra": "{}"}),
    ],
)
def test_airflows_forms_are_read(text: str, expected: dict[str, object]) -> None:
    found = parse_connection("c", text)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("text", ["secret-host:123", "{secret", '{"port": "secret?"}', "x://h:p:q"])
def test_other_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="'my_conn'"):
        parse_connection("my_conn", text)
