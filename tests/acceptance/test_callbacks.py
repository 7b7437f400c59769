"""Callbacks in a running deployment: which are called, where, and that none is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.deployment import Deployment, deployed
from tradewind.model.run import Run
from tradewind.store.read import deadline_list

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAGS = """
import signal, time
from datetime import timedelta
from tradewind.sdk import (
    DAG, AsyncCallback, BaseOperator, DeadlineAlert, DeadlineReference, SyncCallback, task
)
from tradewind.sdk.exceptions import AirflowSkipException

def called(kind):
    def call(context):
        note(context["run_id"], {
            "kind": kind,
            "task": getattr(context.get("ti"), "task_id", None),
            "try": getattr(context.get("ti"), "try_number", None),
            "state": str(getattr(context.get("ti"), "state", None)),
            "error": str(context.get("exception") or ""),
            "reason": context.get("reason"),
            "dag": context["dag"].dag_id,
            "pid": os.getpid(),
            "attempt": os.environ.get("TRADEWIND_ATTEMPT_ID", ""),
        })
    return call

KINDS = ("success", "failure", "retry", "skipped", "execute")
EVERY = {f"on_{k}_callback": called(k) for k in KINDS}
ENDS = {f"on_{k}_callback": called(f"dag {k}") for k in ("success", "failure")}

with DAG("good", **ENDS):
    @task(**EVERY)
    def fine():
        return os.getpid()

    @task(**EVERY)
    def skips():
        raise AirflowSkipException("not today")

    fine(), skips()

with DAG("bad", **ENDS):
    @task(retries=1, retry_delay=timedelta(seconds=0), **EVERY)
    def fails():
        raise ValueError("as told")

    fails()

def fails_itself(context):
    raise RuntimeError("the pager is down")

with DAG("raising"):
    @task(on_success_callback=[fails_itself, called("second")])
    def fine():
        pass

    fine()

with DAG("killed", **ENDS):
    @task(**EVERY)
    def dies():
        os.kill(os.getpid(), signal.SIGKILL)

    dies()

with DAG("long", **ENDS):
    @task(**EVERY)
    def sleeps():
        note("sleeps", os.getpid())
        time.sleep(600)

    sleeps()

def slow(context):
    note("slow began " + context["run_id"], os.getpid())
    gate = Path(os.environ["NOTES"]) / ("gate " + context["run_id"])
    while not gate.exists():
        time.sleep(0.02)
    note("slow ended " + context["run_id"], os.getpid())

with DAG("slow"):
    @task(on_success_callback=slow)
    def fine():
        pass

    fine()

def dies_once(context):
    note("dies once " + context["run_id"], os.getpid())
    first = Path(os.environ["NOTES"]) / ("first " + context["run_id"])
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)

with DAG("mortal"):
    @task(on_success_callback=dies_once)
    def fine():
        pass

    fine()

def late(text, context):
    note(context["run_id"], {"text": text, "run": context["dag_run"]["dag_run_id"]})
    first = Path(os.environ["NOTES"]) / ("first " + context["run_id"])
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)

async def late_too(**kwargs):
    context = kwargs["context"]
    note(context["run_id"], {"text": "async", "state": context["dag_run"].state})

def by(callback, seconds):
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=seconds), callback)

with DAG(
    "late",
    deadline=[
        by(SyncCallback(late, {"text": "sync"}), 0.5),
        by(AsyncCallback(late_too), 1),
        by(SyncCallback(late, {"text": "never"}), 600),
    ],
):
    @task
    def waits():
        gate = Path(os.environ["NOTES"]) / "late gate"
        while not gate.exists():
            time.sleep(0.02)

    waits()

with DAG("many"):
    @task(on_success_callback=called("success"))
    def each(i):
        pass

    each.expand(i=list(range(150)))
"""
DAG_IDS = ("good", "bad", "raising", "killed", "long", "slow", "mortal", "late", "many")


@pytest.fixture(scope="module")
def system(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("home")
    with deployed(home, module_url, DAGS, *DAG_IDS) as made:
        yield made


def calls(system: Deployment, run: Run, count: int) -> list[dict[str, Any]]:
    """Wait for callbacks to have been made, and for all that are owed to be struck off."""
    system.until(
        f"{count} callbacks: {system.note(run.run_id)} of {system.callbacks(run)}",
        lambda: (
            len(system.note(run.run_id)) >= count
            and all(owed["done_at"] for owed in system.callbacks(run))
        ),
    )
    return system.note(run.run_id)


def kinds(found: list[dict[str, Any]], task: str | None = None) -> list[str]:
    return sorted(c["kind"] for c in found if task is None or c["task"] == task)


def test_success_skip_and_the_dags_success(system: Deployment) -> None:
    run = system.trigger("good")
    assert system.ended(run) == "success"
    found = calls(system, run, 5)
    assert kinds([c for c in found if c["dag"] == "good" and "dag" not in c["kind"]], "fine") == [
        "execute",
        "success",
    ]
    assert [c["kind"] for c in found if c["task"] == "skips" and "dag" not in c["kind"]] == [
        "execute",
        "skipped",
    ]
    (of_dag,) = [c for c in found if "dag" in c["kind"]]
    assert of_dag["kind"] == "dag success"
    (success,) = [c for c in found if c["kind"] == "success"]
    assert success["state"] == "success"
    servers = {system.pid_of_scheduler(), system.process.pid, system.pid_of("supervisor")}
    assert not servers & {c["pid"] for c in found}
    assert success["pid"] != system.xcom(run, "fine"), "a process of its own"


def test_retry_then_failure_then_the_dags_failure(system: Deployment) -> None:
    run = system.trigger("bad")
    assert system.ended(run) == "failed"
    found = calls(system, run, 5)
    made = [(c["kind"], c["try"]) for c in found if "dag" not in c["kind"]]
    assert sorted(made) == [("execute", 1), ("execute", 2), ("failure", 2), ("retry", 1)]
    assert all("as told" in c["error"] for c in found if c["kind"] in {"retry", "failure"})
    assert {c["state"] for c in found if c["kind"] == "retry"} == {"up_for_retry"}
    (of_dag,) = [c for c in found if "dag" in c["kind"]]
    assert (of_dag["kind"], of_dag["task"]) == ("dag failure", "fails")


def test_one_that_raises_is_shown_and_stops_no_other(system: Deployment) -> None:
    run = system.trigger("raising")
    assert system.ended(run) == "success", "a callback changes no state"
    (found,) = calls(system, run, 1)
    assert found["kind"] == "second"
    (owed,) = system.callbacks(run)
    assert "the pager is down" in owed["error"]
    lines = system.lines(run, "fine")
    assert any("RuntimeError: the pager is down" in line for line in lines), "with its traceback"


def test_kill_9_of_the_task_is_a_failure_like_any_other(system: Deployment) -> None:
    run = system.trigger("killed")
    assert system.ended(run) == "failed"
    found = calls(system, run, 3)
    (failure,) = [c for c in found if c["kind"] == "failure"]
    assert "SIGKILL" in failure["error"]
    assert [c["kind"] for c in found if "dag" in c["kind"]] == ["dag failure"]


def test_kill_9_of_the_worker_loses_no_callback(system: Deployment) -> None:
    before = len(system.note("sleeps"))
    run = system.trigger("long")
    system.until("it sleeps", lambda: len(system.note("sleeps")) > before)
    os.kill(system.pid_of("supervisor"), signal.SIGKILL)
    assert system.ended(run) == "failed"
    found = calls(system, run, 3)
    assert kinds(found) == ["dag failure", "execute", "failure"]


def test_a_callback_whose_worker_is_killed_is_called_again(system: Deployment) -> None:
    run = system.trigger("slow")
    system.until("it began", lambda: system.note(f"slow began {run.run_id}"))
    os.kill(system.pid_of("supervisor"), signal.SIGKILL)
    system.until("it began again", lambda: len(system.note(f"slow began {run.run_id}")) == 2)
    (system.notes / f"gate {run.run_id}").touch()
    system.until("it is struck off", lambda: system.callbacks(run)[0]["done_at"])
    assert len(system.note(f"slow ended {run.run_id}")) == 1


def test_a_callback_goes_on_while_the_scheduler_is_killed(system: Deployment) -> None:
    run = system.trigger("slow")
    system.until("it began", lambda: system.note(f"slow began {run.run_id}"))
    before = system.pid_of_scheduler()
    os.kill(before, signal.SIGKILL)
    system.until("another leads", lambda: system.pid_of_scheduler() != before)
    other = system.trigger("good")
    assert system.ended(other) == "success", "the worker is connected again"
    (system.notes / f"gate {run.run_id}").touch()
    system.until("it is struck off", lambda: system.callbacks(run)[0]["done_at"])
    assert len(system.note(f"slow began {run.run_id}")) == 1, "it was not started twice"


def test_a_callback_whose_process_dies_is_called_again(system: Deployment) -> None:
    run = system.trigger("mortal")
    system.until("it is struck off", lambda: [c for c in system.callbacks(run) if c["done_at"]])
    assert len(system.note(f"dies once {run.run_id}")) == 2
    assert system.callbacks(run)[0]["error"] is None


def test_many_at_once_are_all_called(system: Deployment) -> None:
    run = system.trigger("many")
    assert system.ended(run) == "success"
    assert len(calls(system, run, 150)) == 150
    assert len({owed["dedup"] for owed in system.callbacks(run)}) == 150


def test_a_missed_deadline_calls_back_though_its_process_dies(system: Deployment) -> None:
    run = system.trigger("late")
    made = calls(system, run, 3)
    assert sorted(call["text"] for call in made) == ["async", "sync", "sync"]
    assert {call["run"] for call in made if call["text"] == "sync"} == {run.run_id}
    assert [call["state"] for call in made if call["text"] == "async"] == ["running"]
    (system.notes / "late gate").touch()
    assert system.ended(run) == "success"
    open_or_missed = deadline_list.of_run(system.db, run.run_pk)
    assert [(d.position, d.missed_at is not None) for d in open_or_missed] == [(0, True), (1, True)]
