"""What Airflow's users call and the SDK has no need of."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.compat.airflow.modules import (
    dates,
    helpers,
    moved_names,
    session,
    states,
    stats,
    timeouts,
    timezone,
)
from tradewind.compat.airflow.modules.configuration import conf
from tradewind.compat.airflow.modules.context import context_to_airflow_vars
from tradewind.compat.airflow.modules.dagbag import DagBag
from tradewind.compat.airflow.modules.module_loading import import_string
from tradewind.compat.airflow.modules.serialization import deserialize, serialize
from tradewind.errors import DagError
from tradewind.sdk import get_parsing_context
from tradewind.sdk.exceptions import AirflowConfigException, AirflowTaskTimeout
from tradewind.sdk.loading import MODULE_PREFIX


def test_settings_are_read_from_the_environment_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "7")
    assert conf.getint("core", "parallelism") == 7
    monkeypatch.setenv("TRADEWIND__CORE__PARALLELISM", "8")
    assert conf.getint("core", "parallelism") == 8
    assert conf.get("acme", "thing", fallback=None) is None
    assert conf.getboolean("core", "load_examples") is False
    monkeypatch.setenv("AIRFLOW__ACME__LIST", "a, b")
    assert conf.getlist("acme", "list") == ["a", "b"]
    assert conf.getsection("acme") == {"list": "a, b"}
    with pytest.raises(AirflowConfigException, match="AIRFLOW__ACME__NOTHING"):
        conf.get("acme", "nothing")
    monkeypatch.setenv("AIRFLOW__ACME__YES", "maybe")
    with pytest.raises(AirflowConfigException, match="should be true or false"):
        conf.getboolean("acme", "yes")


def test_a_secret_is_no_setting_of_an_authors() -> None:
    assert not conf.has_option("database", "sql_alchemy_conn")


def test_dates() -> None:
    at = datetime(2026, 3, 1, 10, 40, tzinfo=UTC)
    assert dates.round_time(at, timedelta(hours=1)).hour == 11
    assert dates.round_time(at, "0 * * * *") == at.replace(minute=0)
    assert dates.infer_time_unit([130, 400]) == "minutes"
    assert dates.scale_time_units([120.0], "minutes") == [2.0]
    assert len(dates.date_range(at, num=3, delta=timedelta(days=1))) == 3
    assert dates.date_range(at, at + timedelta(days=1), delta=timedelta(days=1))[-1].day == 2


def test_timezones() -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001  that is what it is about
    aware = timezone.make_aware(naive, timezone.parse_timezone("Europe/Amsterdam"))
    assert aware is not None
    assert aware.utcoffset() == timedelta(hours=1)
    assert timezone.convert_to_utc(aware) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert timezone.make_naive(aware, UTC) == datetime(2026, 2, 28, 23)  # noqa: DTZ001
    assert timezone.parse("2026-03-01").tzinfo is not None
    with pytest.raises(ValueError, match="naive"):
        timezone.make_aware(aware)


def test_helpers() -> None:
    assert helpers.exactly_one(1, None, 0)
    assert helpers.merge_dicts({"a": {"b": 1}}, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert helpers.prune_dict({"a": None, "b": {"c": None, "d": 0}}) == {"b": {"d": 0}}
    assert helpers.prune_dict({"a": 0, "b": {"c": None}}, mode="truthy") == {}
    assert list(helpers.chunks([1, 2, 3], 2)) == [[1, 2], [3]]
    assert helpers.convert_camel_to_snake("MyName") == "my_name"


def test_the_database_is_refused_to_dag_files_and_let_be_in_libraries() -> None:
    def clean(session: object = None) -> None: ...

    clean.__module__ = f"{MODULE_PREFIX}0_clean_up"
    with pytest.raises(DagError, match=r"clean\(\).*tradewind db clean"):
        session.provide_session(clean)
    clean.__module__ = "cosmos.operators"
    assert session.provide_session(clean)(session="s") is None
    with pytest.raises(DagError, match="needs a session"):
        session.provide_session(clean)()


def test_a_block_has_a_timeout() -> None:
    def wait() -> None:
        with timeouts.timeout(0.01):
            while True:
                pass

    with pytest.raises(AirflowTaskTimeout):
        wait()


def test_states_have_airflows_names() -> None:
    assert states.State.NONE is None
    assert states.State.SUCCESS in states.State.finished
    assert "up_for_retry" in states.State.unfinished


def test_things_are_found_and_written_down() -> None:
    assert import_string("pathlib.Path") is Path
    with pytest.raises(ImportError, match="has no 'Nothing'"):
        import_string("pathlib.Nothing")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert deserialize(serialize({"at": at})) == {"at": at}
    assert context_to_airflow_vars({}, in_env_var_format=True) == {}


def test_what_names_the_running_task_has_its_prefix() -> None:
    names: dict[str, Any] = {}
    for module in ("airflow.sdk.execution_time.context", "airflow.utils.operator_helpers"):
        exec(f"from {module} import DEFAULT_FORMAT_PREFIX, ENV_VAR_FORMAT_PREFIX", names)  # noqa: S102
        exec(f"from {module} import AIRFLOW_VAR_NAME_FORMAT_MAPPING", names)  # noqa: S102
        forms = names["AIRFLOW_VAR_NAME_FORMAT_MAPPING"]["AIRFLOW_CONTEXT_DAG_ID"]
        assert forms["default"] == names["DEFAULT_FORMAT_PREFIX"] + "dag_id" == "airflow.ctx.dag_id"
        assert forms["env_var_format"] == names["ENV_VAR_FORMAT_PREFIX"] + "DAG_ID"


def test_a_folder_of_dag_files_is_imported(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("from airflow import DAG\nwith DAG('good'): pass\n")
    (tmp_path / "bad.py").write_text("from airflow import DAG\nraise ValueError('no')\n")
    (tmp_path / "other.py").write_text("raise RuntimeError")
    bag = DagBag(tmp_path, include_examples=False)
    assert bag.dag_ids == ["good"]
    assert bag.get_dag("good").dag_id == "good"
    assert bag.import_errors == {str(tmp_path / "bad.py"): "ValueError: no"}


def test_the_parsing_context_wants_all() -> None:
    assert get_parsing_context() == (None, None)


def test_figures_are_taken_and_go_nowhere() -> None:
    stats.Stats.incr("my.count")
    stats.Stats.gauge("my.value", 3.5)
    with stats.Stats.timer("my.time"):
        stats.Stats.timing("my.time", 1)
    assert not vars(stats.Stats)


def test_names_that_a_package_has_moved_are_found_with_a_note() -> None:
    moved_names.add_deprecated_classes(
        {"gone": {"Clock": "datetime.datetime"}}, "tests.unit.compat"
    )
    gone = importlib.import_module("tests.unit.compat.gone")
    with pytest.warns(moved_names.DeprecatedImportWarning, match="Please use `datetime.datetime`"):
        assert gone.Clock is datetime
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        _ = gone.Other
