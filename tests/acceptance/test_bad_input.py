"""Bad input: each gets an error that names the thing and the fix; nothing else stops.

One deployment serves most of these: whatever it is given, the DAG `fine` goes on running.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment, deployed

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAGS = """
from tradewind.sdk import DAG, BaseHook, EmptyOperator, Variable, task

with DAG("fine"):
    EmptyOperator(task_id="a")

with DAG("values"):
    @task
    def xcom():
        return open("/dev/null")

    @task
    def variable():
        return Variable.get("no_such_variable")

    @task
    def connection():
        return BaseHook.get_connection("no_such_connection")

    xcom(), variable(), connection()

with DAG("pooled"):
    EmptyOperator(task_id="e")

    @task(pool="no_such_pool")
    def swims():
        pass

    swims()
"""

BROKEN = {
    "syntax": ("with DAG(", ["syntax.py", "never closed"]),
    "module": ("import no_such_module  # tradewind dag", ["no_such_module"]),
    "rule": (
        "with DAG('rule'):\n    EmptyOperator(task_id='a', trigger_rule='all_sucess')",
        ["'rule'", "'a'", "all_sucess", "all_success"],
    ),
    "cycle": (
        "with DAG('cycle'):\n    a, b = (EmptyOperator(task_id=i) for i in 'ab')\n    a >> b >> a",
        ["'cycle'", "a", "b"],
    ),
    "twice": (
        "with DAG('twice'):\n    EmptyOperator(task_id='a')\n    EmptyOperator(task_id='a')",
        ["'twice'", "'a'"],
    ),
    "cron": ("DAG('cron', schedule='61 * * * *')", ["'cron'", "61"]),
}
HEAD = "from tradewind.sdk import DAG, EmptyOperator\n"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("bad") / "home"
    home.mkdir()
    shutil.copy(sqlite_template, home / "tradewind.db")
    url = f"sqlite:///{home}/tradewind.db"
    with deployed(home, url, DAGS, "fine", "values", "pooled") as made:
        yield made


def cli(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tradewind.cli", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def assert_all_is_well(system: Deployment) -> None:
    assert system.ended(system.trigger("fine")) == "success"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_dag_file_is_named_with_its_fault(system: Deployment, name: str) -> None:
    text, told = BROKEN[name]
    file = system.dags / f"{name}.py"
    file.write_text(HEAD + text, encoding="utf-8")

    def shown() -> str | None:
        done = cli(system.env, "dags", "list-import-errors", "-o", "json")
        found = {row["filepath"]: row["error"] for row in json.loads(done.stdout)}
        assert done.returncode == (1 if found else 0)
        error: str | None = found.get(file.name)
        return error

    error = system.until(f"the error of {file.name}", shown)
    assert not [word for word in told if word not in error], error
    assert_all_is_well(system)
    file.unlink()
    system.until("the error is gone", lambda: shown() is None or None)


def test_a_task_that_asks_for_what_is_not_there_says_so(system: Deployment) -> None:
    run = system.trigger("values")
    assert system.ended(run) == "failed"
    for task_id, told in {
        "xcom": ["TextIOWrapper", "return_value"],
        "variable": ["no_such_variable"],
        "connection": ["no_such_connection"],
    }.items():
        text = cli(system.env, "tasks", "logs", "values", run.run_id, task_id).stdout
        assert not [word for word in told if word not in text], text
    assert_all_is_well(system)


def test_a_task_waits_for_its_pool_to_be_made(system: Deployment) -> None:
    run = system.trigger("pooled")
    system.state(run, "e", "success")
    system.state(run, "swims", "scheduled")
    told = "pool 'no_such_pool' does not exist; create it (tradewind pools set no_such_pool SLOTS"

    done = cli(system.env, "tasks", "why", "pooled", run.run_id, "swims", "-o", "json")
    [reason] = json.loads(done.stdout)
    assert (reason["code"], told in reason["reason"]) == ("unknown_pool", True), reason
    done = cli(system.env, "tasks", "state", "pooled", "swims", run.run_id)
    assert (done.stdout, told in done.stderr) == ("scheduled\n", True), done.stderr
    done = cli(system.env, "tasks", "states-for-dag-run", "pooled", run.run_id, "-o", "json")
    assert [told in (row["reason"] or "") for row in json.loads(done.stdout)] == [False, True]
    output = system.home / "output"
    system.until("the scheduler warns", lambda: told in output.read_text(encoding="utf-8") or None)
    assert_all_is_well(system)
    done = cli(system.env, "pools", "get", "no_such_pool")
    assert (done.returncode, "no_such_pool" in done.stderr) == (3, True)
    cli(system.env, "pools", "set", "no_such_pool", "1", "made now")
    assert system.ended(run) == "success"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("dags", "trigger", "fne"), "did you mean fine?"),
        (("variables", "get", "no_such"), "no_such"),
        (("connections", "get", "no_such"), "no_such"),
        (("dags", "state", "fine", "no_such"), "no_such"),
        (("tasks", "logs", "fine", "no_such", "a"), "no_such"),
    ],
)
def test_what_is_not_there_ends_with_3_and_its_name(
    system: Deployment, command: tuple[str, ...], told: str
) -> None:
    done = cli(system.env, *command)
    assert (done.returncode, told in done.stderr) == (3, True), done.stderr


def test_a_second_standalone_names_the_first(system: Deployment) -> None:
    done = cli(system.env, "standalone", "--port", "0")
    assert done.returncode == 1
    assert f"process {system.process.pid}" in done.stderr
    assert_all_is_well(system)


def test_a_second_scheduler_on_sqlite_is_refused(system: Deployment) -> None:
    done = cli(system.env, "scheduler")
    assert done.returncode == 1
    assert "SQLite" in done.stderr
    assert "PostgreSQL" in done.stderr
    assert_all_is_well(system)


def test_a_locked_database_is_named_and_nothing_is_lost(system: Deployment) -> None:
    with sqlite3.connect(system.home / "tradewind.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        done = cli(system.env, "variables", "set", "a", "1")
        other.execute("ROLLBACK")
    other.close()
    assert done.returncode == 1
    assert f"{system.home / 'tradewind.db'} is locked" in done.stderr
    assert "close whatever else has the file open" in done.stderr
    assert_all_is_well(system)


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = {**os.environ, "TRADEWIND_HOME": str(tmp_path)}
        done = cli(env, "standalone", "--port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:////dev/null/x.db", "/dev/null"),
        ("nonsense", "sql_alchemy_conn"),
        ("oracle://host/x", "sql_alchemy_conn"),
        ("postgresql://jo:hunter2@127.0.0.1:1/x", "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("command", [("dags", "list"), ("standalone", "--port", "0")])
def test_a_wrong_database_is_named_without_its_password(
    tmp_path: Path, url: str, told: str, command: tuple[str, ...]
) -> None:
    env = {
        **os.environ,
        "TRADEWIND_HOME": str(tmp_path),
        "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": url,
    }
    done = cli(env, *command)
    text = done.stderr
    assert (done.returncode, told in text) == (1, True), text
    assert "hunter2" not in text
    assert "Traceback" not in text


def test_a_full_disk_is_named_and_the_database_stays_sound(
    tmp_path: Path, sqlite_template: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(small)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted: {done.stderr.strip()}")
    try:
        shutil.copy(sqlite_template, small / "tradewind.db")
        env = {**os.environ, "TRADEWIND_HOME": str(small)}
        assert cli(env, "variables", "set", "kept", "yes").returncode == 0
        with (small / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        large = tmp_path / "large.json"
        large.write_text(json.dumps({"large": "x" * 400_000}), encoding="utf-8")
        full = cli(env, "variables", "import", str(large))
        assert full.returncode == 1
        assert f"{small / 'tradewind.db'} cannot be written: the disk is full" in full.stderr
        assert f"free on {small}; free some space" in full.stderr
        assert "Traceback" not in full.stderr
        assert "problem" in cli(env, "doctor", "-o", "json").stdout
        (small / "ballast").unlink()
        assert cli(env, "variables", "get", "kept").stdout == "yes\n"
        assert cli(env, "db", "check", "--deep").returncode == 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
