"""`tradewind migrate import` from the schemas of Airflow 2.10 and 3, from and to both databases."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.migration.airflow_schemas import CONF, KEY, OLD_KEY, OTHER_KEY, fill
from tests.unit.actions.catalog import dag, published
from tradewind.cli.importing import Brought, Importer
from tradewind.cli.main import run as command
from tradewind.cli.shell import Shell
from tradewind.errors import UserError
from tradewind.model.ids import TiKey
from tradewind.model.spec import TaskSpec
from tradewind.store.airflow_db import FernetKeys, open_airflow
from tradewind.store.airflow_db.plain_pickle import NotPlainError, read_plain
from tradewind.store.checking import faults
from tradewind.store.connect import Database
from tradewind.store.read import history, runs, scheduling, tasks

TASKS = (TaskSpec(task_id="a"), TaskSpec(task_id="b", upstream=(0,)), TaskSpec(task_id="m"))


@pytest.fixture(params=["2", "3"])
def airflow_url(request: pytest.FixtureRequest, empty_url: str) -> str:
    """The database of an Airflow, of each generation and kind."""
    fill(empty_url, request.param)
    return empty_url


@pytest.fixture
def shell(database_url: str, db: Database, tmp_path: Path) -> Iterator[Shell]:
    """A Tradewind that has read the DAG file of `etl`."""
    published(db, dag(tasks=TASKS))
    shell = Shell(
        {"TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": database_url, "TRADEWIND_HOME": str(tmp_path)}
    )
    yield shell
    shell.db.close()


def bring(
    shell: Shell, url: str, keys: str | None = f"{KEY},{OLD_KEY}", **how: bool
) -> list[Brought]:
    source = open_airflow(url)
    try:
        options = {"overwrite": False, "dry_run": False} | how
        importer = Importer(shell, source, FernetKeys(keys), **options)
        looked_at: list[int] = []
        done = [importer.connections(), importer.variables(), importer.pools()]
        done.append(importer.runs(looked_at.append))
        assert sum(looked_at) == source.count_runs()[0]
        return done
    finally:
        source.close()


def test_everything_is_brought(shell: Shell, airflow_url: str) -> None:
    *secrets, ran = bring(shell, airflow_url)
    assert [(b.what, b.imported, b.existing) for b in secrets] == [
        ("connections", 2, 0), ("variables", 2, 0), ("pools", 2, 0)
    ]  # fmt: skip
    assert ran.imported == 3
    assert sorted(ran.left_out.values()) in ([1, 1], [1, 1, 1])
    shop = shell.secrets.get_connection("shop")
    assert (shop.conn_type, shop.host, shop.port) == ("http", "shop.example", 80)
    assert (shop.password, shop.extra) == ("pw", '{"a": 1}')
    assert shell.secrets.get_connection("bare").schema is None
    assert shell.secrets.variable("city").value == "Delft"
    assert shell.secrets.variable("city").description == "where"
    assert faults(shell.db) == []


def test_a_run_with_its_tasks_and_tries(shell: Shell, airflow_url: str) -> None:
    bring(shell, airflow_url)
    first = runs.run(shell.db, "etl", "scheduled__2026-03-01T00:00:00+00:00")
    assert first is not None
    assert (first.state, first.run_type, first.conf) == ("success", "scheduled", CONF)
    assert first.note == "looked at\n\nb: slow"
    assert first.logical_date == datetime(2026, 3, 1, tzinfo=UTC)
    assert first.run_after == first.interval_end == datetime(2026, 3, 2, tzinfo=UTC)
    assert first.ended_at == datetime(2026, 3, 2, 0, 9, tzinfo=UTC)
    found = {str(ti.in_run): ti for ti in tasks.instances(shell.db, first.run_pk)}
    assert {name: ti.state.value for name, ti in found.items()} == {
        "a": "success", "b": "success", "m[0]": "success", "m[1]": "skipped"
    }  # fmt: skip
    assert found["b"].try_number == 2
    assert found["m[1]"].reason is not None
    tries = history.tries(shell.db, TiKey(first.run_pk, "b", -1))
    assert [(t.try_number, t.state) for t in tries] == [(1, "up_for_retry"), (2, "success")]
    assert tries[0].attempts[0].worker == "worker-1"
    second = runs.run(shell.db, "etl", "scheduled__2026-03-02T00:00:00+00:00")
    assert second is not None
    assert (second.state, second.clear_number) == ("failed", 1)


def test_the_schedule_goes_on_after_the_newest_run(shell: Shell, airflow_url: str) -> None:
    bring(shell, airflow_url)
    calendar = scheduling.calendar(shell.db, "etl")
    assert calendar is not None
    assert calendar.last_run_after == datetime(2026, 3, 3, tzinfo=UTC)
    assert calendar.last_logical == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_second_import_leaves_alone_what_is_here(shell: Shell, airflow_url: str) -> None:
    assert [b.imported for b in bring(shell, airflow_url, dry_run=True)] == [2, 2, 2, 3]
    assert shell.secrets.connection_ids() == []
    bring(shell, airflow_url)
    shell.secrets.set_variable("n", "4")
    again = bring(shell, airflow_url)
    assert [(b.imported, b.existing) for b in again] == [(0, 2), (0, 2), (1, 1), (0, 3)]
    assert shell.secrets.variable("n").value == "4"
    bring(shell, airflow_url, overwrite=True)
    assert shell.secrets.variable("n").value == "3"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (None, "is encrypted; give the deployment's"),
        (OTHER_KEY, "the fernet key does not open connection 'shop'"),
        (f"{KEY},{OTHER_KEY}", "none of the 2 keys opens connection 'shop'"),
    ],
    ids=["no key", "another", "two others"],  # not the keys, which are drawn in each process
)
def test_a_wrong_key_is_named_before_anything_is_stored(
    shell: Shell, airflow_url: str, keys: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        bring(shell, airflow_url, keys)
    assert shell.secrets.connection_ids() == []


def test_a_key_that_is_none() -> None:
    with pytest.raises(UserError, match="44 characters") as raised:
        FernetKeys("secret")
    assert "secret" not in str(raised.value)


def test_nothing_is_written_to_airflows_database(airflow_url: str) -> None:
    source = open_airflow(airflow_url)
    with pytest.raises(Exception, match=r"read-?only"), source._engine.begin() as conn:
        conn.execute(text("DELETE FROM variable"))
    source.close()


def test_what_is_no_airflow_is_said(empty_url: str, tmp_path: Path) -> None:
    engine = create_engine(empty_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE dag_run (id INTEGER)"))
    engine.dispose()
    with pytest.raises(UserError, match="is not the metadata DB"):
        open_airflow(empty_url)
    with pytest.raises(UserError, match="cannot be opened"):
        open_airflow(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(UserError, match="'mysql'"):
        open_airflow("mysql://host/airflow")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_plain_pickle_is_read_without_unpickling(protocol: int) -> None:
    same = [1, 2]
    value = {**CONF, "big": 2**70, "small": -5, "same": [same, same], "empty": [{}, []]}
    assert read_plain(pickle.dumps(value, protocol)) == value
    with pytest.raises(NotPlainError):
        read_plain(pickle.dumps({"when": datetime(2026, 1, 1, tzinfo=UTC)}, protocol))


def test_the_command(tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(f"sqlite:///{tmp_path}/airflow.db", "3")
    env = {
        "TRADEWIND_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": sqlite_url,
    }
    assert command(("migrate", "import"), env) != 0
    assert "--from" in capsys.readouterr().err
    env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{tmp_path}/airflow.db"
    env["AIRFLOW__CORE__FERNET_KEY"] = f"{KEY},{OLD_KEY}"
    assert command(("migrate", "import", "-o", "json"), env) == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert [row["imported"] for row in told] == [2, 2, 2, 0]
    assert command(("migrate", "import", "--only", "runs", "--dry-run"), env) == 0
    out, err = capsys.readouterr()
    assert "their DAG is not here" in out
    assert "nothing was stored" in err
