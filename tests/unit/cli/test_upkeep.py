"""Assets, clearing and deleting whole runs, and the database's own command line."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.unit.actions.catalog import NOW, Leader, bell, dag, drain, published
from tests.unit.cli.conftest import Cli
from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.model.run import TaskInstance
from tradewind.model.spec import AssetRef, TaskSpec
from tradewind.model.state import TaskState
from tradewind.store.connect import Database
from tradewind.store.read import runs

ORDERS = AssetRef("orders", uri="s3://shop/orders", group="shop")


@pytest.fixture
def known(lite: Database) -> Database:
    """A DAG that makes an asset, and one that reads it."""
    published(
        lite,
        dag("makes", tasks=(TaskSpec(task_id="a", outlets=(ORDERS,)),)),
        dag("reads", tasks=(TaskSpec(task_id="b", inlets=(ORDERS,)),)),
    )
    return lite


def test_assets_are_listed_with_who_makes_them(cli: Cli, known: Database) -> None:
    [row] = cli.json("assets", "list")
    assert (row["name"], row["uri"], row["made_by"]) == ("orders", "s3://shop/orders", ["makes"])
    shown = cli.json("assets", "details", "--uri", "s3://shop/orders")
    assert (shown["read_by"], shown["group"]) == (["reads"], "shop")
    cli("assets", "details", "ordres", code=3)
    assert "did you mean orders?" in cli.err
    cli("assets", "details", code=1)
    assert "name the asset" in cli.err


def test_an_asset_is_materialized_by_the_dag_that_makes_it(cli: Cli, known: Database) -> None:
    [row] = cli.json("assets", "materialize", "orders", "-c", '{"x": 1}')
    assert row["dag_id"] == "makes"
    [run] = runs.runs(known, "makes")
    assert run.conf == {"x": 1}


def test_a_dag_is_deleted_when_one_is_sure(cli: Cli, known: Database) -> None:
    cli("dags", "delete", "makes", code=1)
    assert "--yes" in cli.err
    cli("dags", "delete", "mekes", "--yes", code=3)
    cli("dags", "delete", "makes", "--yes")
    assert runs.runs(known, "makes") == []


def test_whole_runs_are_cleared_only_when_named(cli: Cli, known: Database) -> None:
    trigger(known, bell(known), SystemClock(), "makes", run_id="one")
    cli("dags", "clear", "makes", code=1)
    assert "--run-id" in cli.err
    cli("dags", "clear", "makes", "-r", "on", code=3)
    assert "did you mean one?" in cli.err
    leader = Leader(known)
    leader.answer()
    [run] = runs.runs(known, "makes")
    failed = TaskInstance(run_pk=run.run_pk, task_id="a", state=TaskState.FAILED, started_at=NOW)
    leader.commit(created=[failed])
    rows = cli.json("dags", "clear", "makes", "-r", "one", "--dry-run")
    assert [(row["run_id"], row["tasks"]) for row in rows] == [("one", 1)]
    cli("dags", "clear", "makes", "-r", "one", "--only-failed", "--yes")
    assert "nothing to clear" in cli.err  # the run itself has not failed
    assert drain(known) == []
    cli("dags", "clear", "makes", "-s", "2026-01-01", "--yes")
    [event] = drain(known)
    assert event.payload["keys"] == [["a", -1]]


def test_the_databases_own_command_line(cli: Cli, lite: Database, tmp_path: Path) -> None:
    cli.env["PATH"] = str(tmp_path)
    cli("db", "shell", code=1)
    assert "sqlite3 is not installed" in cli.err
    program = tmp_path / "sqlite3"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\nexit 4\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    cli("db", "shell", code=4)
    assert (tmp_path / "opened").read_text() == f"{cli.home}/tradewind.db\n"
