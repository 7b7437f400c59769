"""`import airflow` and what is below it."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tradewind.sdk
from tradewind.compat import airflow
from tradewind.compat.airflow.refusal import AirflowNameError
from tradewind.errors import ConfigError, DagError
from tradewind.sdk.exceptions import RemovedInAirflow4Warning


def names_of(source: str) -> dict[str, Any]:
    """Run a piece of a DAG file."""
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, "my_dag.py", "exec"), names)  # noqa: S102  it is our own text
    return names


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from airflow import DAG", "DAG"),
        ("from airflow.models import DAG", "DAG"),
        ("from airflow.models.dag import DAG", "DAG"),
        ("from airflow.sdk import DAG", "DAG"),
        ("from airflow.decorators import task", "task"),
        ("from airflow.operators.bash_operator import BashOperator", "BashOperator"),
        ("from airflow.operators.bash import BashOperator", "BashOperator"),
        ("from airflow.providers.standard.operators.bash import BashOperator", "BashOperator"),
        ("from airflow.operators import BashOperator", "BashOperator"),
        ("from airflow.providers.common.compat.sdk import BaseHook", "BaseHook"),
        ("from airflow.utils.helpers import chain", "chain"),
    ],
)
def test_every_spelling_is_the_same_thing(line: str, name: str) -> None:
    assert names_of(line)[name] is getattr(tradewind.sdk, name)


def test_a_renamed_class_is_there_under_its_old_name() -> None:
    found = names_of("from airflow.operators.dummy_operator import DummyOperator")
    assert found["DummyOperator"] is tradewind.sdk.EmptyOperator


def test_modules_are_reached_as_attributes_too() -> None:
    found = names_of("import airflow\nago = airflow.utils.dates.days_ago(2)")
    assert found["ago"].hour == 0
    assert names_of("import airflow.operators.bash as b\nc = b.BashOperator")["c"]


def test_all_of_the_sdk_can_be_taken() -> None:
    found = names_of("from airflow.sdk import *")
    assert set(tradewind.sdk.__all__) <= found.keys()


def test_the_version_is_told() -> None:
    assert names_of("from airflow import __version__")["__version__"] == airflow.AIRFLOW_VERSION
    assert names_of("from airflow.version import version")["version"] == airflow.AIRFLOW_VERSION


def test_a_name_that_cannot_work_is_refused_with_the_replacement() -> None:
    with pytest.raises(AirflowNameError, match=r"SubDagOperator.*TaskGroup"):
        names_of("from airflow.operators.subdag import SubDagOperator")
    with pytest.raises(AirflowNameError, match=r"airflow\.settings\.Session.*no database"):
        names_of("from airflow.settings import Session")


def test_a_refusal_is_an_import_error_and_the_authors() -> None:
    found = names_of(
        "try:\n    from airflow.operators.subdag import SubDagOperator\n"
        "except ImportError:\n    SubDagOperator = None"
    )
    assert found["SubDagOperator"] is None
    assert issubclass(AirflowNameError, DagError)


def test_a_misspelt_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(AirflowNameError, match="did you mean 'BashOperator'"):
        names_of("from airflow.operators.bash import BashOperater")
    with pytest.raises(AirflowNameError, match=r"'airflow\.operators' has no.*'bash'"):
        names_of("import airflow.operators.bsh")


def test_a_name_in_another_module_is_refused_with_its_place() -> None:
    with pytest.raises(AirflowNameError, match=r"it is in 'airflow\.[\w.]+'"):
        names_of("from airflow.operators.bash import PythonSensor")


def test_a_missing_attribute_is_an_attribute_error() -> None:
    found = names_of("import airflow.models as m\nhas = hasattr(m, 'Nothing'), hasattr(m, 'DAG')")
    assert found["has"] == (False, True)
    with pytest.raises(AttributeError, match="Nothing"):
        names_of("import airflow\nairflow.Nothing")


def test_a_module_gone_in_airflow_3_gives_a_note_at_the_authors_line() -> None:
    with pytest.warns(RemovedInAirflow4Warning, match="gone in Airflow 3") as caught:
        exec(  # noqa: S102  it is our own text
            compile("\nfrom airflow.utils.dates import days_ago", "my_dag.py", "exec"), {}
        )
    assert {(one.filename, one.lineno) for one in caught} == {("my_dag.py", 2)}


def test_a_module_that_airflow_3_has_gives_no_note() -> None:
    exec("from airflow.operators.bash import BashOperator", {})  # noqa: S102  warnings are errors


def test_an_installed_airflow_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "airflow"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('the real one')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names_of("import airflow")["airflow"].__version__ == airflow.AIRFLOW_VERSION


def test_an_installed_provider_is_the_real_one_on_top_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = tmp_path / "airflow" / "providers" / "apache" / "acme" / "hooks"
    provider.mkdir(parents=True)
    (provider.parent / "__init__.py").write_text("from airflow import __version__ as seen")
    (provider / "__init__.py").write_text("")
    (provider / "acme.py").write_text(
        "from airflow.providers.common.compat.sdk import BaseHook\n"
        "class AcmeHook(BaseHook):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = names_of(
        "from airflow.providers.apache.acme.hooks.acme import AcmeHook\n"
        "import airflow.providers.apache.acme as package\n"
    )
    assert issubclass(found["AcmeHook"], tradewind.sdk.BaseHook)
    assert found["package"].seen == airflow.AIRFLOW_VERSION
    with pytest.raises(ModuleNotFoundError, match=r"acme\.nothing"):
        names_of("import airflow.providers.apache.acme.nothing")


def provider(root: Path, name: str, module: str, text: str) -> None:
    """Make a provider package with one module."""
    folder = root / "airflow" / "providers" / name / Path(module).parent
    folder.mkdir(parents=True)
    (root / "airflow" / "providers" / name / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    (root / "airflow" / "providers" / name / f"{module}.py").write_text(text)


def test_what_airflow_1_had_itself_is_the_provider_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider(tmp_path, "http", "operators/http", "class HttpOperator:\n    real = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = names_of(
        "from airflow.operators.http_operator import SimpleHttpOperator as a\n"
        "from airflow.providers.http.operators.http import SimpleHttpOperator as b, HttpOperator"
    )
    assert found["a"] is found["b"] is found["HttpOperator"]
    assert found["a"].real


def test_an_operator_of_one_database_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "from airflow.sdk import BaseOperator\n"
        "class SQLExecuteQueryOperator(BaseOperator):\n"
        "    def __init__(self, *, sql, conn_id=None, hook_params=None, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.given = (sql, conn_id, hook_params)\n"
    )
    provider(tmp_path, "common/sql", "operators/sql", text)
    provider(tmp_path, "postgres", "hooks/postgres", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = names_of(
        "from airflow import DAG\n"
        "from airflow.operators.postgres_operator import PostgresOperator as old\n"
        "from airflow.providers.postgres.operators.postgres import PostgresOperator\n"
        "from airflow.contrib.operators.snowflake_operator import SnowflakeOperator\n"
        "with DAG('d', default_args={'postgres_conn_id': 'mine'}):\n"
        "    a = PostgresOperator(task_id='a', sql='x', postgres_conn_id='shop')\n"
        "    b = PostgresOperator(task_id='b', sql='x')\n"
        "    c = SnowflakeOperator(task_id='c', sql='x', warehouse='w')\n"
    )
    assert found["old"] is found["PostgresOperator"]
    assert found["a"].given == ("x", "shop", None)
    assert found["b"].given == ("x", "mine", None)
    assert found["c"].given == ("x", "snowflake_default", {"warehouse": "w"})
    assert found["a"].task_type == "PostgresOperator"


def test_a_part_of_ours_wins_over_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "airflow" / "providers" / "standard"
    (package / "operators").mkdir(parents=True)
    (package / "operators" / "bash.py").write_text("raise RuntimeError('the real one')")
    (package / "more.py").write_text("real = True")
    monkeypatch.syspath_prepend(str(tmp_path))
    names_of("from airflow.providers.standard.operators.bash import BashOperator")
    assert names_of("from airflow.providers.standard.more import real")["real"]


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(AirflowNameError, match=r"airflow\.providers\.nobody.*pip install"):
        names_of("from airflow.providers.nobody.hooks import Hook")


def test_a_process_that_has_airflow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow.uninstall()
    monkeypatch.setitem(sys.modules, "airflow", ModuleType("airflow"))
    with pytest.raises(ConfigError, match="imported in this process already"):
        airflow.install()
    monkeypatch.undo()


def test_uninstalling_leaves_nothing() -> None:
    importlib.import_module("airflow.operators.bash")
    airflow.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "airflow"]
    airflow.install()
