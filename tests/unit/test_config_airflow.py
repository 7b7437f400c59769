"""Settings of an Airflow deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.config import Config, load_config, settings
from tradewind.config.airflow import TAKEN
from tradewind.errors import ConfigError

CFG = """
[core]
dags_folder = {AIRFLOW_HOME}/dags
parallelism = 7
default_timezone = utc
executor = CeleryExecutor
load_examples = False
; sql_alchemy_conn = old

[database]
sql_alchemy_conn = postgresql+psycopg2://airflow:airflow@postgres/airflow

[webserver]
web_server_port = 1234
percent = %(not)s
"""


def load(home: Path, **env: str) -> Config:
    return load_config({"TRADEWIND_HOME": str(home), **env}, cwd=home)


@pytest.fixture
def airflow_home(tmp_path: Path) -> Path:
    folder = tmp_path / "airflow"
    folder.mkdir()
    (folder / "airflow.cfg").write_text(CFG)
    return folder


def test_the_file_of_airflow_is_read(tmp_path: Path, airflow_home: Path) -> None:
    config = load(tmp_path, AIRFLOW_HOME=str(airflow_home))
    assert config.core.dags_folder == airflow_home / "dags"
    assert config.core.parallelism == 7
    assert config.core.default_timezone == "UTC"
    assert config.origins["core.parallelism"] == f"file {airflow_home}/airflow.cfg"


def test_what_is_another_programs_is_let_be(tmp_path: Path, airflow_home: Path) -> None:
    config = load(
        tmp_path,
        AIRFLOW_HOME=str(airflow_home),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql://airflow",
        AIRFLOW__API__PORT="1",
        AIRFLOW__NOTHING__AT_ALL="1",
    )
    assert config.database.sql_alchemy_conn.startswith("sqlite")
    assert config.core.executor == "LocalExecutor"
    assert config.api.port == 8080


def test_the_order(tmp_path: Path, airflow_home: Path) -> None:
    env = {"AIRFLOW_HOME": str(airflow_home), "AIRFLOW__CORE__PARALLELISM": "8"}
    config = load(tmp_path, **env)
    assert config.core.parallelism == 8
    assert config.origins["core.parallelism"] == "environment AIRFLOW__CORE__PARALLELISM"
    (tmp_path / "tradewind.toml").write_text("[core]\nparallelism = 9\n")
    assert load(tmp_path, **env).core.parallelism == 9
    assert load(tmp_path, **env, TRADEWIND__CORE__PARALLELISM="10").core.parallelism == 10


def test_an_old_name_counts_less_than_the_new_one(tmp_path: Path) -> None:
    old = {"AIRFLOW__CORE__DAG_CONCURRENCY": "3"}
    assert load(tmp_path, **old).core.max_active_tasks_per_dag == 3
    both = {**old, "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "4"}
    assert load(tmp_path, **both).core.max_active_tasks_per_dag == 4


def test_a_wrong_value_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"parallelism.*environment AIRFLOW__CORE__PARALLELISM"):
        load(tmp_path, AIRFLOW__CORE__PARALLELISM="many")
    with pytest.raises(ConfigError, match=r"AIRFLOW_CONFIG names .*nothing\.cfg"):
        load(tmp_path, AIRFLOW_CONFIG=str(tmp_path / "nothing.cfg"))
    broken = tmp_path / "broken.cfg"
    broken.write_text("parallelism = 3")
    with pytest.raises(ConfigError, match=r"cannot read .*broken\.cfg"):
        load(tmp_path, AIRFLOW_CONFIG=str(broken))


def test_a_home_without_a_file_says_nothing(tmp_path: Path) -> None:
    assert set(load(tmp_path, AIRFLOW_HOME=str(tmp_path)).origins.values()) == {"default"}


def test_every_setting_that_is_taken_is_one() -> None:
    assert set(TAKEN.values()) <= {setting.name for setting in settings()}
