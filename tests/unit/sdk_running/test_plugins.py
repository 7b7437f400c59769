"""Plugins, listeners and cluster policies of a deployment."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tradewind.compat import airflow
from tradewind.errors import DagError
from tradewind.model.defaults import DagDefaults
from tradewind.sdk import defaults, plugins, policies
from tradewind.sdk.build import to_spec
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


LISTENS = """
    from airflow.listeners import hookimpl
    from airflow.listeners.types import AssetEvent
    from airflow.plugins_manager import AirflowPlugin

    HEARD = []

    class Listener:
        @hookimpl
        def on_dag_run_running(self, dag_run, msg):
            HEARD.append(("running", dag_run.dag_id, str(dag_run.state)))

        @hookimpl
        def on_dag_run_success(self, dag_run):
            HEARD.append(("success", dag_run.dag_id, str(dag_run.state)))

        @hookimpl
        def on_dag_run_failed(self, dag_run, msg):
            HEARD.append(("failed", dag_run.dag_id, msg))

        @hookimpl
        def on_asset_changed(self, asset):
            HEARD.append(("changed", asset.name, asset.uri))

        @hookimpl
        def on_asset_event_emitted(self, asset_event):
            assert isinstance(asset_event, AssetEvent)
            HEARD.append(("emitted", asset_event.source_task_id, asset_event.extra))

    class Hears(AirflowPlugin):
        name = "hears"
        listeners = [Listener()]
"""
MAKES = """
    from airflow.sdk import DAG, Asset, task

    orders = Asset("orders", uri="s3://orders")

    with DAG("makes"):
        @task(outlets=[orders])
        def make(*, outlet_events):
            outlet_events[orders].extra = {"rows": 7}

        make()

    with DAG("breaks"):
        @task(outlets=[orders])
        def fail():
            raise ValueError("no orders")

        fail()
"""


@pytest.fixture
def airflow_names() -> Iterator[None]:
    airflow.uninstall()
    airflow.install()
    yield
    airflow.uninstall()


@pytest.mark.usefixtures("airflow_names")
def test_listeners_are_told_of_runs_and_assets(home: Path) -> None:
    write(home, "plugins/hears_plugin.py", LISTENS)
    dags = load(home, MAKES).dags
    assert to_spec(dags["makes"]).run_listeners == ("running", "success", "failed")
    heard = sys.modules["hears_plugin"].HEARD
    run_dag(dags["makes"], clock=FakeClock())
    assert sorted(map(str, heard)) == sorted(
        map(
            str,
            [
                ("running", "makes", "running"),
                ("changed", "orders", "s3://orders"),
                ("emitted", "make", {"rows": 7}),
                ("success", "makes", "success"),
            ],
        )
    )
    heard.clear()
    run_dag(dags["breaks"], clock=FakeClock())
    assert heard == [("running", "breaks", "running"), ("failed", "breaks", "fail failed")]


def test_without_listeners_nothing_is_owed_about_runs(home: Path) -> None:
    write(home, "plugins/wind_plugin.py", PLUGIN)  # listens to tasks only
    assert to_spec(load(home).dags["d"]).run_listeners == ()


HOOKS = """
    def task_instance_mutation_hook(task_instance, dag_run):
        assert dag_run is None
        if task_instance.operator == "BashOperator":
            task_instance.queue = "shell"
            task_instance.priority_weight += 5
            task_instance.max_tries = 4

    def pod_mutation_hook(pod):
        pod["labels"] = {"team": "house"}

    def get_airflow_context_vars(context):
        return {"team": f"of {context['dag'].dag_id}"}
"""
ROUTED = """
    from tradewind.sdk import DAG, BashOperator, EmptyOperator

    with DAG("routed"):
        EmptyOperator(task_id="plain")
        BashOperator(task_id="shell", bash_command="echo $AIRFLOW_CTX_TEAM $AIRFLOW_CTX_DAG_ID")
        BashOperator.partial(task_id="mapped", queue="other").expand(bash_command=["true"])
"""


@pytest.mark.usefixtures("airflow_names")
def test_hooks_change_instances_pods_and_what_names_a_task(home: Path) -> None:
    write(home, "config/airflow_local_settings.py", HOOKS)
    dag = load(home, ROUTED).dags["routed"]
    tasks = {task.task_id: task for task in to_spec(dag).tasks}
    assert (tasks["plain"].queue, tasks["plain"].retries) == (None, 0)
    for name in ("shell", "mapped"):
        task = tasks[name]
        assert (task.queue, task.priority_weight, task.retries) == ("shell", 6, 4), name
    assert run_dag(dag, clock=FakeClock()).xcom("shell") == "of routed routed"
    pod: dict[str, object] = {}
    importlib.import_module("airflow.settings").pod_mutation_hook(pod)
    assert pod == {"labels": {"team": "house"}}


def test_a_hook_that_fails_refuses_the_task(home: Path) -> None:
    text = "def task_instance_mutation_hook(task_instance):\n    raise ValueError('no')\n"
    write(home, "config/airflow_local_settings.py", text)
    with pytest.raises(DagError, match="task_instance_mutation_hook of this deployment failed"):
        load(home, ROUTED)


def test_names_that_are_no_texts_are_refused(home: Path) -> None:
    text = "def get_airflow_context_vars(context):\n    return {'team': 7}\n"
    write(home, "config/airflow_local_settings.py", text)
    finished = run_dag(load(home, ROUTED).dags["routed"], clock=FakeClock())
    assert finished.states["shell"] == "failed"
