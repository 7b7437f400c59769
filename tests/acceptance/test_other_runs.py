"""Tasks that start, watch and ask about other runs, variables and connections, for real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.acceptance.deployment import Deployment, deployed
from tradewind.config import load_config
from tradewind.store import tables
from tradewind.store.connections import parse_connection
from tradewind.store.secrets import configured_keys, open_secrets

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAGS = """
import asyncio, time
from datetime import timedelta
from tradewind.sdk import DAG, BaseOperator, Connection, TriggerDagRunOperator, Variable, task
from tradewind.sdk.sensors.external_task import ExternalTaskSensor
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent

NOTES = Path(os.environ["NOTES"])

with DAG("child"):
    @task
    def work(*, params, dag_run):
        while not (NOTES / dag_run.conf["gate"]).exists():
            time.sleep(0.02)
        if dag_run.conf.get("fail"):
            raise ValueError("as told")
        return dag_run.conf["gate"]

    work()

CALL = {
    "trigger_dag_id": "child",
    "conf": {"gate": "{{ params.gate }}", "fail": "{{ params.fail }}"},
    "wait_for_completion": True,
    "poke_interval": 0.1,
}
with DAG("parent", params={"gate": "g", "fail": ""}):
    TriggerDagRunOperator(task_id="poke", trigger_run_id="poke_{{ run_id }}", **CALL)
    TriggerDagRunOperator(task_id="defer", trigger_run_id="defer_{{ run_id }}",
                          deferrable=True, **CALL)
    TriggerDagRunOperator(task_id="no_wait", trigger_dag_id="child",
                          trigger_run_id="no_wait_{{ run_id }}", conf={"gate": "{{ params.gate }}"})

with DAG("again"):
    TriggerDagRunOperator(task_id="refused", trigger_dag_id="child", trigger_run_id="same",
                          conf={"gate": "open"})
    TriggerDagRunOperator(task_id="skipped", trigger_dag_id="child", trigger_run_id="same",
                          conf={"gate": "open"}, skip_when_already_exists=True)
    TriggerDagRunOperator(task_id="nowhere", trigger_dag_id="not_there")

WAIT = {"external_dag_id": "child", "poke_interval": 0.1, "poll_interval": 0.1}
with DAG("watcher"):
    ExternalTaskSensor(task_id="run", **WAIT)
    ExternalTaskSensor(task_id="task", external_task_id="work", mode="reschedule", **WAIT)
    ExternalTaskSensor(task_id="defer", external_task_id="work", deferrable=True, **WAIT)
    ExternalTaskSensor(task_id="late", timeout=0.3, retries=2, retry_delay=timedelta(seconds=0),
                       execution_delta=timedelta(days=1), mode="reschedule", **WAIT)

with DAG("asks"):
    @task
    def ask(*, ti, run_id):
        return {
            "runs": ti.get_dr_count("child", states=["success"]) > 0,
            "none": ti.get_dr_count("child", states=["failed"], run_ids=["same"]),
            "own": ti.get_dagrun_state("asks", run_id),
            "tasks": ti.get_task_states("child", run_ids=["same"]),
            "count": ti.get_ti_count("child", run_ids=["same"], states=["success"]),
        }

    ask()

class Keys(BaseTrigger):
    def serialize(self):
        return f"{__name__}.Keys", {}
    async def run(self):
        self.log.info("the password is %s", Connection.get("kept").password)
        there = await asyncio.to_thread(Variable.get, "city")
        yield TriggerEvent([Variable.get("city"), there])

class Deferred(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Keys(), method_name="go_on")
    def go_on(self, context, event):
        return event

with DAG("settings"):
    @task
    def read():
        Variable.set("made", "here")
        made = Variable.get("made")
        Variable.delete("made")
        kept = Connection.get("kept")
        print("the password is", kept.password)
        return {
            "city": Variable.get("city"),
            "json": Variable.get("numbers", deserialize_json=True),
            "made": made,
            "gone": Variable.get("made", default="gone"),
            "kept": [kept.host, kept.login, kept.password],
            "environment": Connection.get("given").host,
            "from_env": Variable.get("given"),
        }

    @task
    def missing():
        Connection.get("not_there")

    read(), missing(), Deferred(task_id="deferred")

with DAG("backs_off"):
    @task(retries=2, retry_delay=timedelta(seconds=1), retry_exponential_backoff=True)
    def fails():
        note("backs_off", time.time())
        raise ValueError("again")

    fails()

    @task(retries=2, retry_delay=timedelta(seconds=1), retry_exponential_backoff=True,
          max_retry_delay=timedelta(seconds=0.2))
    def capped():
        note("capped", time.time())
        raise ValueError("again")

    capped()

with DAG("reschedules"):
    @task.sensor(mode="reschedule", poke_interval=0.05, timeout=60)
    def looks(*, run_id, ti):
        note("looks " + run_id, os.getpid())
        ti.xcom_push(key="seen", value=len((NOTES / ("looks " + run_id)).read_text().splitlines()))
        return len((NOTES / ("looks " + run_id)).read_text().splitlines()) >= 12

    looks()

    @task.sensor(mode="reschedule", poke_interval=0.05, timeout=0.3, retries=2)
    def never():
        return False

    @task.sensor(mode="poke", poke_interval=0.05, timeout=0.3, retries=2)
    def never_poke():
        return False

    never(), never_poke()
"""
DAG_IDS = (
    "child",
    "parent",
    "again",
    "watcher",
    "asks",
    "settings",
    "backs_off",
    "reschedules",
)


@pytest.fixture(scope="module")
def system(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("home")
    given = {"TRADEWIND_CONN_GIVEN": "http://given.example", "TRADEWIND_VAR_GIVEN": "by hand"}
    with deployed(home, module_url, DAGS, *DAG_IDS, **given) as made:
        (made.notes / "open").touch()
        secrets = open_secrets(made.db, configured_keys(load_config(made.env)), made.env)
        secrets.set_variable("city", "Oslo")
        secrets.set_variable("numbers", "[1, 2]")
        secrets.set_connection(parse_connection("kept", "http://me:s3cr3tpass@kept.example"))
        yield made


def test_a_run_that_is_started_is_waited_for(system: Deployment) -> None:
    run = system.trigger("parent", conf={"gate": "parent"})
    (system.notes / "parent").unlink(missing_ok=True)
    system.state(run, "defer", "deferred")
    system.state(run, "no_wait", "success")
    poke = system.state(run, "poke", "running")
    children = {r.run_id: r for r in system.runs("child")}
    for name in ("poke", "defer", "no_wait"):
        child = children[f"{name}_{run.run_id}"]
        assert (child.run_type, child.triggered_by) == ("operator_triggered", "operator")
    (system.notes / "parent").touch()
    assert system.ended(run) == "success"
    assert system.xcom(run, "defer", "trigger_run_id") == f"defer_{run.run_id}"
    assert system.state(run, "poke", "success").fence == poke.fence, "in one process"


def test_a_run_that_fails_fails_who_waits_for_it(system: Deployment) -> None:
    run = system.trigger("parent", conf={"gate": "open", "fail": "yes"})
    assert system.ended(run) == "failed"
    states = system.states(run)
    assert (states["poke"], states["defer"], states["no_wait"]) == ("failed", "failed", "success")
    assert any("came to the state failed" in line for line in system.lines(run, "defer"))


def test_a_run_that_is_there_already_is_refused_or_skipped(system: Deployment) -> None:
    if not any(r.run_id == "same" for r in system.runs("child")):
        system.trigger("child", run_id="same", conf={"gate": "open"})
    run = system.trigger("again")
    assert system.ended(run) == "failed"
    states = system.states(run)
    assert (states["refused"], states["skipped"]) == ("failed", "skipped")
    assert any("has a run 'same' already" in line for line in system.lines(run, "refused"))
    assert any("there is no DAG 'not_there'" in line for line in system.lines(run, "nowhere"))


def test_another_dags_run_and_task_are_waited_for(system: Deployment) -> None:
    date = datetime(2026, 3, 1, tzinfo=UTC)
    (system.notes / "watched").unlink(missing_ok=True)
    run = system.trigger("watcher", logical_date=date)
    system.state(run, "run", "running")
    system.state(run, "task", "up_for_reschedule")
    system.state(run, "defer", "deferred")
    system.trigger("child", logical_date=date, conf={"gate": "watched"})
    (system.notes / "watched").touch()
    assert system.ended(run) == "failed", "the one that is late"
    found = {ti.task_id: ti for ti in system.instances(run)}
    assert {found[name].state for name in ("run", "task", "defer")} == {"success"}
    assert (found["late"].state, found["late"].try_number) == ("failed", 1)
    assert "AirflowSensorTimeout" in (found["late"].reason or "")


def test_runs_and_tasks_are_counted_and_named(system: Deployment) -> None:
    if not any(r.run_id == "same" for r in system.runs("child")):
        system.trigger("child", run_id="same", conf={"gate": "open"})
    same = next(r for r in system.runs("child") if r.run_id == "same")
    assert system.ended(same) == "success"
    run = system.trigger("asks")
    assert system.ended(run) == "success"
    assert system.xcom(run, "ask") == {
        "runs": True,
        "none": 0,
        "own": "running",
        "tasks": {"same": {"work": "success"}},
        "count": 1,
    }


def test_variables_and_connections_are_read_by_tasks_and_triggers(system: Deployment) -> None:
    run = system.trigger("settings")
    assert system.ended(run) == "failed", "one asks for what is not there"
    assert system.xcom(run, "read") == {
        "city": "Oslo",
        "json": [1, 2],
        "made": "here",
        "gone": "gone",
        "kept": ["kept.example", "me", "s3cr3tpass"],
        "environment": "given.example",
        "from_env": "by hand",
    }
    assert system.xcom(run, "deferred") == ["Oslo", "Oslo"]
    assert "TRADEWIND_CONN_NOT_THERE" in "\n".join(system.lines(run, "missing"))
    for name in ("read", "deferred"):
        lines = "\n".join(system.lines(run, name))
        assert "the password is" in lines
        assert "s3cr3tpass" not in lines


def test_retries_back_off_as_airflow_computes_it(system: Deployment) -> None:
    run = system.trigger("backs_off")
    assert system.ended(run) == "failed"
    first, second = _pauses(system.note("backs_off"))
    assert 1.0 <= first < 2.0 + SLACK_S, "ceil(1 × 2⁰) and the jitter below 1"
    assert 2.0 <= second < 4.0 + SLACK_S, "ceil(1 × 2¹) and the jitter below 2"
    assert all(0.2 <= pause < 0.2 + SLACK_S for pause in _pauses(system.note("capped")))


SLACK_S = 1.5
"""What a loaded machine may add."""


def _pauses(times: list[float]) -> list[float]:
    assert len(times) == 3
    return [b - a for a, b in itertools.pairwise(times)]


def test_reschedules_are_one_try_and_fold_into_a_counter(system: Deployment) -> None:
    run = system.trigger("reschedules")
    assert system.ended(run) == "failed"
    found = {ti.task_id: ti for ti in system.instances(run)}
    looks = found["looks"]
    assert (looks.state, looks.try_number, looks.reschedule_count) == ("success", 1, 11)
    assert len(set(system.note(f"looks {run.run_id}"))) == 12, "a process for each look"
    assert system.xcom(run, "looks", "seen") == 12
    table = tables.attempt
    statement = select(table).where(table.c.run_pk == run.run_pk, table.c.task_id == "looks")
    with system.db.read() as conn:
        assert len(conn.execute(statement).all()) == 2, "the last look, and the one before it"
    for name in ("never", "never_poke"):
        assert (found[name].state, found[name].try_number) == ("failed", 1), "no retry"
        assert "AirflowSensorTimeout" in (found[name].reason or "")
