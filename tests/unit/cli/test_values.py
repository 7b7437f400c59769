"""variables, connections, pools, config, version, completion: what needs no DAG."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli
from tradewind import __version__
from tradewind.cli.main import COMMANDS
from tradewind.clock import SystemClock
from tradewind.store import components, inbox
from tradewind.store.connect import Database


def test_version(cli: Cli) -> None:
    assert cli("version") == f"{__version__}\n"


def test_help_lists_every_command(cli: Cli) -> None:
    text = cli("--help")
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cli: Cli, command: str) -> None:
    assert cli(command, "--help").startswith("Usage: tradewind")


@pytest.mark.parametrize(
    ("args", "near"), [(["dag"], "dags"), (["dags", "triger"], "trigger"), (["zzz"], "There are")]
)
def test_unknown_commands_name_the_nearest(cli: Cli, args: list[str], near: str) -> None:
    cli(*args, code=2)
    assert near in cli.err


def test_variables_come_and_go(cli: Cli) -> None:
    cli("variables", "set", "colour", "blue", "--description", "of the sky")
    assert cli("variables", "get", "colour") == "blue\n"
    assert cli.json("variables", "list") == [{"key": "colour"}]
    assert cli.json("variables", "list", "--show-values") == [{"key": "colour", "value": "blue"}]
    cli("variables", "delete", "colour")
    cli("variables", "get", "colour", code=3)
    assert cli("variables", "get", "colour", "-d", "red") == "red\n"


def test_a_missing_variable_names_the_nearest(cli: Cli) -> None:
    cli("variables", "set", "colour", "blue")
    for verb in ("get", "delete"):
        cli("variables", verb, "color", code=3)
        assert "did you mean colour?" in cli.err


def test_the_environment_wins(cli: Cli) -> None:
    cli("variables", "set", "colour", "blue")
    cli.env["TRADEWIND_VAR_COLOUR"] = "green"
    assert cli("variables", "get", "colour") == "green\n"


def test_a_variable_can_be_checked_to_be_json(cli: Cli) -> None:
    cli("variables", "set", "-j", "x", "{", code=1)
    cli("variables", "set", "-j", "x", '{"a": 1}')
    assert cli("variables", "get", "-j", "x") == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize("name", ["v.json", "v.yaml", "v.env"])
def test_variables_travel_by_file(cli: Cli, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    cli("variables", "set", "a", "1")
    cli("variables", "set", "b", "zwei = ä")
    cli("variables", "export", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    cli("variables", "set", "a", "9")
    cli("variables", "delete", "b")
    cli("variables", "import", str(file), "-a", "fail", code=1)
    cli("variables", "import", str(file), "-a", "skip")
    assert (cli("variables", "get", "a"), cli("variables", "get", "b")) == ("9\n", "zwei = ä\n")
    cli("variables", "import", str(file))
    assert cli("variables", "get", "a") == "1\n"


@pytest.mark.parametrize(
    ("name", "text"), [("v.json", "{"), ("v.yaml", "a: [1"), ("v.env", "x"), ("v.json", "[1]")]
)
def test_files_that_are_not_right_are_named(cli: Cli, tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    cli("variables", "import", str(file), code=1)
    assert name in cli.err


def test_structured_variables_become_json(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "v.json"
    file.write_text('{"a": {"x": [1]}, "b": {"value": "v", "description": "d"}}')
    cli("variables", "import", str(file))
    assert (cli("variables", "get", "a"), cli("variables", "get", "b")) == ('{"x": [1]}\n', "v\n")


def test_connections_come_and_go(cli: Cli, tmp_path: Path) -> None:
    cli("connections", "add", "db", "--conn-uri", "postgres://jo:secret@host:5432/main")
    cli("connections", "add", "web", "--conn-type", "http", "--conn-host", "example.org")
    hidden = cli.json("connections", "get", "db")
    assert (hidden["login"], hidden["password"], hidden["port"]) == ("jo", "***", 5432)
    assert cli.json("connections", "get", "db", "--show-password")["password"] == "secret"
    assert [c["conn_id"] for c in cli.json("connections", "list")] == ["db", "web"]
    file = tmp_path / "c.yaml"
    cli("connections", "export", str(file))
    cli("connections", "delete", "db")
    cli("connections", "get", "dbb", code=3)
    cli("connections", "import", str(file))
    assert cli.json("connections", "get", "db", "--show-password")["password"] == "secret"


def test_a_connection_is_given_in_one_way(cli: Cli) -> None:
    cli("connections", "add", "x", code=1)
    cli("connections", "add", "x", "--conn-host", "h", code=1)
    cli("connections", "add", "x", "--conn-uri", "http://h", "--conn-host", "h", code=1)
    cli("connections", "add", "x", "--conn-uri", "http://h")
    cli("connections", "add", "x", "--conn-uri", "http://i", code=1)
    cli("connections", "add", "x", "--conn-json", '{"conn_type": "http"}', "--overwrite")


def test_pools_come_and_go(cli: Cli, lite: Database, tmp_path: Path) -> None:
    cli("pools", "set", "gpu", "2", "the cards", "--include-deferred")
    assert cli.json("pools", "get", "gpu") == {
        "pool": "gpu",
        "slots": 2,
        "description": "the cards",
        "include_deferred": True,
    }
    file = tmp_path / "p.json"
    cli("pools", "export", str(file))
    cli("pools", "delete", "gpu")
    cli("pools", "get", "gpu", code=3)
    cli("pools", "import", str(file))
    assert [p["pool"] for p in cli.json("pools", "list")] == ["default_pool", "gpu"]
    assert {e.kind for e in inbox.pending(lite, 10)} == {"pools_changed"}


def test_pools_that_are_not_right(cli: Cli, tmp_path: Path) -> None:
    cli("pools", "set", "x", "many", code=2)
    cli("pools", "delete", "default_pool", code=1)
    cli("pools", "delete", "x", code=3)
    file = tmp_path / "p.json"
    file.write_text('{"x": {"slots": "many"}}')
    cli("pools", "import", str(file), code=1)
    assert "pool 'x'" in cli.err


def test_settings_are_listed_with_their_origin(cli: Cli) -> None:
    cli.env["TRADEWIND__API__PORT"] = "9000"
    [row] = cli.json("config", "list", "--changed", "--show-origin", "--section", "api")
    assert row == {
        "section": "api",
        "key": "port",
        "value": "9000",
        "origin": "environment TRADEWIND__API__PORT",
    }
    assert cli("config", "get-value", "api", "port") == "9000\n"
    cli("config", "get-value", "api", "prt", code=1)
    assert "did you mean api.port" in cli.err
    cli("config", "list", "--section", "ap", code=1)


def test_a_wrong_setting_stops_every_command(cli: Cli) -> None:
    cli.env["TRADEWIND__API__PROT"] = "1"
    cli("dags", "list", code=1)
    assert "did you mean api.port" in cli.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli: Cli, shell: str) -> None:
    assert "_TRADEWIND_COMPLETE" in cli("completion", shell)


@pytest.mark.parametrize("output", ["table", "plain", "yaml", "json"])
def test_every_form_of_output_has_the_values(cli: Cli, output: str) -> None:
    text = cli("pools", "list", "-o", output)
    assert "default_pool" in text
    assert "128" in text


def test_accounts_come_and_go(cli: Cli) -> None:
    password = cli("users", "create", "-u", "ann", "-r", "admin", "--use-random-password").strip()
    assert len(password) >= 12
    cli("users", "create", "-u", "jo", "-r", "viewer", "-p", "correct horse battery")
    cli("users", "create", "-u", "joe", "-r", "viewer", code=1)
    assert "--use-random-password" in cli.err
    cli("users", "set-role", "-u", "jo", "-r", "op")
    assert {u["username"]: u["role"] for u in cli.json("users", "list")} == {
        "ann": "admin",
        "jo": "op",
    }
    assert cli("users", "reset-password", "-u", "jo", "--use-random-password").strip() != password
    cli("users", "reset-password", "-u", "joo", "--use-random-password", code=3)
    assert "did you mean jo?" in cli.err
    cli("users", "delete", "-u", "jo", code=1)
    cli("users", "delete", "-u", "jo", "--yes")
    cli("users", "delete", "-u", "ann", "--yes", code=1)
    assert "last administrator" in cli.err


# ---- db, jobs, doctor -----------------------------------------------------------------------


def test_the_database_is_made_and_checked(cli: Cli) -> None:
    (cli.home / "tradewind.db").unlink()
    cli("db", "check", code=1)
    assert "db migrate" in cli.err
    assert "is made" in cli("db", "init")
    assert "already" in cli("db", "migrate")
    assert "reachable" in cli("db", "check")
    assert stat.S_IMODE((cli.home / "keys" / "encryption.keys").stat().st_mode) == 0o600


def test_keys_are_rotated(cli: Cli) -> None:
    cli("variables", "set", "a", "1")
    keys = cli.home / "keys" / "encryption.keys"
    old = keys.read_text().strip()
    new = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
    cli.env["TRADEWIND__DATABASE__ENCRYPTION_KEYS"] = f"{new},{old}"
    cli("db", "rotate-keys")
    assert cli.err.startswith("1 values")
    cli.env["TRADEWIND__DATABASE__ENCRYPTION_KEYS"] = new
    assert cli("variables", "get", "a") == "1\n"
    cli.env["TRADEWIND__DATABASE__ENCRYPTION_KEYS"] = old
    cli("variables", "get", "a", code=1)


def test_jobs_that_are_silent_fail_the_check(cli: Cli, lite: Database) -> None:
    cli("jobs", "check", code=1)
    now = SystemClock().now()
    components.register(lite, "scheduler", now)
    cli("jobs", "check", code=1)
    cli("jobs", "check", "--job-type", "SchedulerJob", "--local")
    cli("jobs", "check", "--job-type", "scheduler", "--hostname", "elsewhere", code=1)
    components.register(lite, "dag_processor", now)
    rows = {row["part"]: row["status"] for row in cli.json("jobs", "check")}
    assert rows == {
        "scheduler": "healthy",
        "dag_processor": "healthy",
        "triggerer": "not running",
    }
    cli("jobs", "check", "--job-type", "triggerer", code=1)


def test_the_doctor_finds_nothing_wrong(cli: Cli) -> None:
    statuses = {f["what"]: f["status"] for f in cli.json("doctor")}
    assert statuses["database"] == "ok"
    assert "problem" not in statuses.values()


def test_the_doctor_finds_what_is_wrong(cli: Cli) -> None:
    cli("variables", "set", "a", "1")
    (cli.home / "keys" / "encryption.keys").chmod(0o644)
    text = cli("doctor", code=1)
    assert "chmod 600" in text
    (cli.home / "keys" / "encryption.keys").chmod(0o600)
    cli.env["TRADEWIND__DATABASE__ENCRYPTION_KEYS"] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
    assert "not configured" in cli("doctor", code=1)
    cli.env["TRADEWIND__CORE__PARALLELISM"] = "no"
    assert "core.parallelism" in cli("doctor", code=1)


def test_the_doctor_says_what_keeps_an_executor_from_its_work(cli: Cli, lite: Database) -> None:
    assert "no scheduler runs" in cli("doctor")
    now = SystemClock().now()
    part = components.register(lite, "scheduler", now)
    components.beat(lite, part, now, {"CeleryExecutor": {"redis://broker": "refused"}})
    assert "CeleryExecutor cannot work: redis://broker: refused" in cli("doctor", code=1)
    components.beat(lite, part, now, {"CeleryExecutor": {}})
    assert "at work: CeleryExecutor" in cli("doctor")


def test_a_sound_database_passes_the_deep_check(cli: Cli) -> None:
    assert "reachable" in cli("db", "check", "--deep")


def test_the_database_is_exported_to_a_new_folder(cli: Cli, tmp_path: Path) -> None:
    rows = {row["table"]: row["rows"] for row in cli.json("db", "export", str(tmp_path / "out"))}
    assert rows["pool"] == 1
    cli("db", "export", str(tmp_path / "out"), code=1)
    assert "not empty" in cli.err


def test_cleaning_asks_first(cli: Cli) -> None:
    old = ["--clean-before-timestamp", "2020-01-01"]
    cli("db", "clean", *old, code=1)
    assert "--yes" in cli.err
    assert cli.json("db", "clean", *old, "--dry-run") == []
    cli("db", "clean", *old, "--yes")
