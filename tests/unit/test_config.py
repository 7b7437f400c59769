from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.config import Config, load_config, settings
from tradewind.errors import ConfigError


def load(home: Path, **env: str) -> Config:
    return load_config({"TRADEWIND_HOME": str(home), **env}, cwd=Path("/somewhere"))


def test_defaults_live_in_the_home(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.home == tmp_path
    assert config.core.dags_folder == tmp_path / "dags"
    assert config.database.sql_alchemy_conn == f"sqlite:///{tmp_path}/tradewind.db"
    assert config.logging.base_log_folder == tmp_path / "logs"
    assert config.run_dir == tmp_path / "run"
    assert set(config.origins.values()) == {"default"}


def test_the_home_defaults_to_a_folder_of_the_user() -> None:
    assert load_config({"HOME": "/home/jo"}).home == Path("/home/jo/tradewind")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "tradewind.toml").write_text(
        '[api]\nport = 9000\nhost = "::1"\n[core]\ndags_folder = "flows"\nload_examples = true\n'
    )
    config = load(tmp_path, TRADEWIND__API__PORT="9001")
    assert (config.api.port, config.api.host) == (9001, "::1")
    assert config.core.load_examples
    assert config.core.dags_folder == tmp_path / "flows"
    assert config.origins["api.port"] == "environment TRADEWIND__API__PORT"
    assert config.origins["api.host"] == f"file {tmp_path}/tradewind.toml"
    assert config.origins["core.executor"] == "default"


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    config = load_config(
        {"TRADEWIND_HOME": str(tmp_path), "TRADEWIND__API__PORT": "9001"},
        options={"api.port": ("--port", "0")},
    )
    assert config.api.port == 0
    assert config.origins["api.port"] == "option --port"


def test_relative_paths_in_the_environment_are_the_shells(tmp_path: Path) -> None:
    config = load(tmp_path, TRADEWIND__CORE__DAGS_FOLDER="dags", HOME="/home/jo")
    assert config.core.dags_folder == Path("/somewhere/dags")
    config = load(tmp_path, TRADEWIND__CORE__DAGS_FOLDER="~/dags", HOME="/home/jo")
    assert config.core.dags_folder == Path("/home/jo/dags")


def test_another_file_can_be_named(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[triggerer]\ncapacity = 5\n")
    assert load(tmp_path, TRADEWIND_CONFIG=str(other)).triggerer.capacity == 5
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path, TRADEWIND_CONFIG=str(tmp_path / "missing.toml"))


def test_airflows_names_set_our_attributes(tmp_path: Path) -> None:
    config = load(tmp_path, TRADEWIND__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT="1.5")
    assert config.processor.parse_timeout_s == 1.5


def test_a_command_and_a_secret_file_give_values(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://jo:secret@db/tradewind\n")
    config = load(
        tmp_path,
        TRADEWIND__DATABASE__SQL_ALCHEMY_CONN_SECRET=str(secret),
        TRADEWIND__DATABASE__ENCRYPTION_KEYS_CMD="echo new,old",
    )
    assert config.database.sql_alchemy_conn == "postgresql://jo:secret@db/tradewind"
    assert config.database.encryption_keys == ("new", "old")
    assert config.origins["database.sql_alchemy_conn"] == f"secret file {secret}"
    with pytest.raises(ConfigError, match="ended with 3: no vault"):
        load(tmp_path, TRADEWIND__API__HOST_CMD="echo no vault >&2; exit 3")
    with pytest.raises(ConfigError, match="cannot read the file"):
        load(tmp_path, TRADEWIND__API__HOST_SECRET=str(tmp_path / "gone"))


def test_generated_keys_are_found(tmp_path: Path) -> None:
    key_file = load(tmp_path).key_file
    key_file.parent.mkdir()
    key_file.write_text("two\none\n")
    assert load(tmp_path).database.encryption_keys == ("two", "one")
    configured = load(tmp_path, TRADEWIND__DATABASE__ENCRYPTION_KEYS="three")
    assert configured.database.encryption_keys == ("three",)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TRADEWIND__API__PROT", "1", r"no setting api\.prot; did you mean api\.port\?"),
        ("TRADEWIND__CORE__SQL_ALCHEMY_CONN", "x", r"did you mean database\.sql_alchemy_conn\?"),
        ("TRADEWIND__API__PORT", "http", r"api\.port = 'http' .*a whole number"),
        ("TRADEWIND__API__PORT", "70000", r"a whole number .*<= 65535"),
        ("TRADEWIND__CORE__LOAD_EXAMPLES", "maybe", "true or false"),
        ("TRADEWIND__SCHEDULER__LEASE_S", "0", "> 0"),
        ("TRADEWIND__LOGGING__LOGGING_LEVEL", "loud", "INFO"),
        ("TRADEWIND__PORT", "1", "TRADEWIND__SECTION__KEY"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, **{variable: value})
    assert variable in str(caught.value)


@pytest.mark.parametrize("text", ["port = 1", "[api\n", '[api]\nport = "x"', "[nope]\nx = 1"])
def test_mistakes_in_the_file_name_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "tradewind.toml").write_text(text)
    with pytest.raises(ConfigError, match=str(tmp_path / "tradewind.toml")):
        load(tmp_path)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        TRADEWIND__DATABASE__SQL_ALCHEMY_CONN="postgresql://jo:pa:ss@db/x",
        TRADEWIND__DATABASE__ENCRYPTION_KEYS="k1",
    )
    shown = {s.name: s.shown(config) for s in settings()}
    assert shown["database.sql_alchemy_conn"] == "postgresql://jo:***@db/x"
    assert shown["database.encryption_keys"] == "***"
    assert shown["core.load_examples"] == "false"


def test_every_setting_can_be_given_back_as_shown(tmp_path: Path) -> None:
    config = load(tmp_path, TRADEWIND__CORE__EXECUTOR="SequentialExecutor")
    env = {s.variable: s.shown(config) for s in settings()}
    again = load(tmp_path, **env)
    assert [s.value(again) for s in settings()] == [s.value(config) for s in settings()]


def test_every_quantity_of_time_has_its_unit() -> None:
    for setting in settings():
        assert setting.description.endswith("."), setting.name
        assert setting.attribute.endswith("_s") == (setting.unit == "s"), setting.name
