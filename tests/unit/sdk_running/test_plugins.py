"""Plugins, listeners and cluster policies of a deployment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tradewind.errors import DagError
from tradewind.model.defaults import DagDefaults
from tradewind.sdk import defaults, plugins, policies
from tradewind.sdk.loading import LoadedFile, load_dag_file
from tradewind.testing import FakeClock, run_dag

PLUGIN = """
    from tradewind.sdk import AirflowPlugin, BaseOperatorLink, BashOperator, hookimpl

    HEARD = []

    def shout(text):
        return text.upper() + "!"

    class Docs(BaseOperatorLink):
        name = "Docs"
        operators = [BashOperator]

        def get_link(self, operator, *, ti_key):
            return "https://docs.example"

    class Listener:
        @hookimpl
        def on_task_instance_running(self, task_instance):
            HEARD.append(("running", task_instance.task_id))

        @hookimpl
        def on_task_instance_success(self, previous_state, task_instance):
            HEARD.append(("success", previous_state))

        @hookimpl
        def on_task_instance_failed(self, task_instance, error):
            HEARD.append(("failed", str(error)))
            raise ValueError("a listener that fails stops nothing")

        def on_task_instance_skipped(self):
            raise AssertionError("not marked, so not called")

    class Wind(AirflowPlugin):
        name = "wind"
        macros = [shout]
        listeners = [Listener()]
        operator_extra_links = [Docs()]
"""
DAG_FILE = """
    import wind_plugin
    from tradewind.sdk import DAG, BashOperator, task

    with DAG("d") as dag:
        BashOperator(task_id="say", bash_command="echo {{ macros.wind.shout('hi') }}")

        @task
        def fails():
            raise ValueError("calm")

        fails()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A deployment's folder; what was loaded from it is forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    for name in ("plugins", "config", "dags"):
        (tmp_path / name).mkdir()
    before = defaults.install(DagDefaults(plugins_folder=str(tmp_path / "plugins")))
    plugins.forget()
    yield tmp_path
    plugins.forget()
    policies.forget()
    defaults.install(before)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(home: Path, name: str, text: str) -> str:
    path = home / name
    path.write_text(dedent(text), encoding="utf-8")
    return str(path)


def load(home: Path, text: str = DAG_FILE) -> LoadedFile:
    return load_dag_file(write(home, "dags/d.py", text), str(home / "dags"))


def test_a_plugin_adds_macros_links_and_listeners(home: Path) -> None:
    write(home, "plugins/wind_plugin.py", PLUGIN)
    dag = load(home).dags["d"]
    assert [link.name for link in dag.get_task("say").operator_extra_links] == ["Docs"]
    assert [link.name for link in dag.get_task("fails").operator_extra_links] == []
    finished = run_dag(dag, clock=FakeClock())
    assert finished.xcom("say") == "HI!"
    assert finished.xcom("say", key="_link_Docs") == "https://docs.example"
    heard = sys.modules["wind_plugin"].HEARD
    assert sorted(heard) == [
        ("failed", "calm"),
        ("running", "fails"),
        ("running", "say"),
        ("success", "running"),
    ]


def test_a_broken_plugin_is_a_warning_and_stops_nothing(home: Path) -> None:
    write(home, "plugins/wind_plugin.py", PLUGIN)
    broken = write(home, "plugins/broken.py", "import nothing_of_this_name\n")
    found = load(home)
    assert list(found.dags) == ["d"]
    assert found.warnings[0].startswith(f"plugin file {broken}: ModuleNotFoundError")


POLICIES = """
    from tradewind.sdk.exceptions import (
        AirflowClusterPolicySkipDag, AirflowClusterPolicyViolation,
    )

    def task_policy(task):
        task.queue = "house"
        if task.owner == "nobody":
            raise AirflowClusterPolicyViolation("every task needs an owner")

    def dag_policy(dag):
        dag.tags.add("seen")
        if dag.dag_id == "secret":
            raise AirflowClusterPolicySkipDag("not here")
"""
TWO = """
    from tradewind.sdk import DAG, EmptyOperator

    for name in ("open", "secret"):
        with DAG(name):
            EmptyOperator(task_id="t", owner="OWNER")
"""


@pytest.mark.parametrize("module", ["tradewind_local_settings", "airflow_local_settings"])
def test_policies_change_dags_and_leave_them_out(home: Path, module: str) -> None:
    write(home, f"config/{module}.py", POLICIES)
    dags = load(home, TWO).dags
    assert list(dags) == ["open"]
    assert dags["open"].get_task("t").queue == "house"
    assert "seen" in dags["open"].tags


def test_a_policy_refuses_a_task(home: Path) -> None:
    write(home, "config/airflow_local_settings.py", POLICIES)
    text = "DAG 'open', task 't': refused by task_policy of this deployment: every task needs"
    with pytest.raises(DagError, match=text):
        load(home, TWO.replace("OWNER", "nobody"))


def test_settings_that_cannot_be_imported_are_named(home: Path) -> None:
    write(home, "config/airflow_local_settings.py", "1 / 0\n")
    with pytest.raises(DagError, match=r"airflow_local_settings.py cannot be imported: division"):
        load(home, TWO)
