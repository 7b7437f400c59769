"""Deferred tasks in a running deployment: who waits for them, and what becomes of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment, deployed
from tradewind.model.run import Pool
from tradewind.store import components, inbox, pools

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

MOVES_WITHIN_S = 15.0
"""A lost triggerer's triggers move within this time."""

DAGS = """
import asyncio, time
from datetime import timedelta, datetime, time as time_of_day, UTC
from tradewind.sdk import DAG, BaseOperator, task
from tradewind.sdk.sensors.filesystem import FileSensor
from tradewind.sdk.sensors.time import DateTimeSensor, TimeSensor
from tradewind.sdk.triggers.base import BaseTrigger, TaskSkippedEvent, TriggerEvent

NOTES = Path(os.environ["NOTES"])
FAR = datetime(2199, 1, 1, tzinfo=UTC)

class Flag(BaseTrigger):
    def __init__(self, name):
        super().__init__()
        self.name = name
    def serialize(self):
        return f"{__name__}.Flag", {"name": self.name}
    async def run(self):
        note("looking", self.name)
        while not (NOTES / self.name).exists():
            await asyncio.sleep(0.02)
        yield TriggerEvent({"flag": self.name, "task": self.task_instance.task_id})
    async def on_kill(self):
        note("killed", self.name)
    async def cleanup(self):
        note("cleaned", self.name)

class Bad(BaseTrigger):
    def __init__(self, how):
        super().__init__()
        self.how = how
    def serialize(self):
        return f"{__name__}.Bad", {"how": self.how}
    async def run(self):
        await asyncio.sleep(0)
        if self.how == "blocks":
            time.sleep(1000)
        if self.how == "ends":
            return
        if self.how == "skips":
            yield TaskSkippedEvent()
        raise ValueError("no luck")
        yield

class Wait(BaseOperator):
    template_fields = ("flag",)
    def __init__(self, flag, wait_timeout=None, **kwargs):
        super().__init__(**kwargs)
        self.flag, self.wait_timeout = flag, wait_timeout
    def execute(self, context):
        note("executed", context["ti"].task_id)
        self.defer(trigger=Flag(self.flag), method_name="go_on", kwargs={"kept": [1, 2]},
                   timeout=self.wait_timeout)
    def go_on(self, context, event, kept):
        return {"event": event, "kept": kept, "pid": os.getpid()}

class Doomed(BaseOperator):
    def __init__(self, how, **kwargs):
        super().__init__(**kwargs)
        self.how = how
    def execute(self, context):
        self.defer(trigger=Bad(self.how), method_name="never")

with DAG("waits"):
    @task
    def after(got):
        return got["event"]["flag"]

    after(Wait(task_id="wait", flag="{{ params.flag }}").output)

with DAG("sensor"):
    FileSensor(task_id="file", filepath=str(NOTES / "file"), poke_interval=0.05, deferrable=True)

RETRY = {"retries": 3, "retry_delay": timedelta(seconds=0)}
with DAG("late"):
    TimeSensor(task_id="of_day", target_time=time_of_day(23, 59, 59), timeout=0.5,
               deferrable=True, **RETRY)
    DateTimeSensor(task_id="moment", target_time=FAR, timeout=0.5, deferrable=True, **RETRY)
    DateTimeSensor(task_id="soft", target_time=FAR, timeout=0.5, deferrable=True, soft_fail=True)
    Wait(task_id="own", flag="never", wait_timeout=timedelta(seconds=0.5), **RETRY)

with DAG("doomed"):
    Doomed(task_id="raises", how="raises", retries=1, retry_delay=timedelta(seconds=0))
    Doomed(task_id="ends", how="ends")
    Doomed(task_id="skips", how="skips")

with DAG("blocked"):
    Doomed(task_id="blocks", how="blocks")
    Wait(task_id="patient", flag="patient")

with DAG("pooled"):
    for i in range(2):
        Wait(task_id=f"counted_{i}", flag=f"counted_{i}", pool="counted")
        Wait(task_id=f"free_{i}", flag=f"free_{i}", pool="free")
"""


@pytest.fixture(scope="module")
def system(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("home")
    with deployed(
        home, module_url, DAGS, "waits", "sensor", "late", "doomed", "blocked", "pooled"
    ) as made:
        yield made


@pytest.fixture
def flag(system: Deployment, request: pytest.FixtureRequest) -> Path:
    name: str = request.node.originalname
    path = system.notes / name
    path.unlink(missing_ok=True)
    return path


def test_a_deferred_task_goes_on_after_its_trigger(system: Deployment, flag: Path) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    system.state(run, "wait", "deferred")
    system.until("the trigger looks", lambda: flag.name in system.note("looking"))
    flag.touch()
    assert system.ended(run) == "success"
    got = system.xcom(run, "wait")
    assert got["event"] == {"flag": flag.name, "task": "wait"}
    assert got["kept"] == [1, 2]
    assert system.xcom(run, "after") == flag.name
    (wait,) = [ti for ti in system.instances(run) if ti.task_id == "wait"]
    assert wait.try_number == 1, "going on is the same try"


def test_a_deferrable_sensor_goes_on(system: Deployment) -> None:
    path = system.notes / "file"
    path.unlink(missing_ok=True)
    run = system.trigger("sensor")
    system.state(run, "file", "deferred")
    path.touch()
    assert system.ended(run) == "success"
    lines = system.lines(run, "file")
    assert any(line.startswith("found ") for line in lines), "what the trigger logs is the task's"


def test_a_deferral_that_takes_too_long_is_a_sensors_timeout(system: Deployment) -> None:
    run = system.trigger("late")
    assert system.ended(run) == "failed"
    found = {ti.task_id: ti for ti in system.instances(run)}
    for name in ("of_day", "moment"):
        assert (found[name].state, found[name].try_number) == ("failed", 1), "no retry"
        assert "AirflowSensorTimeout" in (found[name].reason or "")
    assert found["soft"].state == "skipped"
    assert (found["own"].state, found["own"].try_number) == ("failed", 4), "an error like any other"
    assert "Timeout" in (found["own"].reason or "")


def test_a_trigger_that_fails_fails_its_task_and_says_why(system: Deployment) -> None:
    run = system.trigger("doomed")
    assert system.ended(run) == "failed"
    found = {ti.task_id: ti for ti in system.instances(run)}
    assert (found["raises"].state, found["raises"].try_number) == ("failed", 2)
    assert "ValueError: no luck" in (found["raises"].reason or "")
    assert any("ValueError: no luck" in line for line in system.lines(run, "raises"))
    assert "ended without an event" in (found["ends"].reason or "")
    assert found["skips"].state == "skipped"


def test_a_trigger_that_blocks_fails_and_the_others_go_on(system: Deployment) -> None:
    path = system.notes / "patient"
    path.unlink(missing_ok=True)
    run = system.trigger("blocked")
    blocks = system.state(run, "blocks", "failed")
    assert "blocked the event loop" in (blocks.reason or "")
    path.touch()
    system.state(run, "patient", "success")


def test_kill_9_of_the_triggerer_moves_its_triggers(system: Deployment, flag: Path) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    system.state(run, "wait", "deferred")
    system.until("the trigger looks", lambda: flag.name in system.note("looking"))
    first = system.pid_of("triggerer")
    os.kill(first, signal.SIGKILL)
    system.until(
        "another looks", lambda: system.note("looking").count(flag.name) == 2, MOVES_WITHIN_S
    )
    flag.touch()
    assert system.ended(run) == "success"
    assert system.pid_of("triggerer", but=first) != first
    assert system.note("executed").count("wait") >= 1


def test_the_triggerer_is_among_the_running_parts(system: Deployment, flag: Path) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    system.state(run, "wait", "deferred")
    pid = system.pid_of("triggerer")

    def beats() -> bool:
        found = components.latest(system.db, "triggerer")
        return found is not None and found.pid == pid and found.beat_at > found.started_at

    system.until("it is shown, and beats", beats)
    flag.touch()
    assert system.ended(run) == "success"


def test_a_triggerer_that_stands_still_loses_its_triggers(system: Deployment, flag: Path) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    system.until("the trigger looks", lambda: flag.name in system.note("looking"))
    frozen = system.pid_of("triggerer")
    with system.part("triggerer"):
        second = system.pid_of("triggerer", but=frozen)
        os.kill(frozen, signal.SIGSTOP)
        try:
            system.until(
                "another looks",
                lambda: system.note("looking").count(flag.name) == 2,
                MOVES_WITHIN_S,
            )
            flag.touch()
            assert system.ended(run) == "success"
            assert system.xcom(run, "wait")["event"]["flag"] == flag.name
        finally:
            os.kill(frozen, signal.SIGCONT)
        assert second != frozen
    # What the frozen one says now is too late, and it is told so.
    system.until("it stopped", lambda: system.note("cleaned").count(flag.name) == 2)


def test_kill_9_of_the_scheduler_keeps_triggers_where_they_are(
    system: Deployment, flag: Path
) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    system.until("the trigger looks", lambda: flag.name in system.note("looking"))
    before = system.pid_of_scheduler()
    os.kill(before, signal.SIGKILL)
    system.until("another leads", lambda: system.pid_of_scheduler() != before)
    flag.touch()
    assert system.ended(run) == "success"
    assert system.note("looking").count(flag.name) == 1, "the trigger was not started again"


def test_clearing_a_deferred_task_stops_its_trigger(system: Deployment, flag: Path) -> None:
    run = system.trigger("waits", conf={"flag": flag.name})
    first = system.state(run, "wait", "deferred")
    system.until("the trigger looks", lambda: flag.name in system.note("looking"))
    system.clear(run, "wait")
    system.until("on_kill", lambda: flag.name in system.note("killed"))
    system.until("it defers again", lambda: system.note("looking").count(flag.name) == 2)
    flag.touch()
    assert system.ended(run) == "success"
    second = next(ti for ti in system.instances(run) if ti.task_id == "wait")
    assert second.fence > first.fence


def test_a_pool_counts_deferred_tasks_if_it_says_so(system: Deployment) -> None:
    with system.db.write() as conn:
        pools.set_pool(conn, Pool(name="counted", slots=1, include_deferred=True))
        pools.set_pool(conn, Pool(name="free", slots=1, include_deferred=False))
        inbox.append(conn, "pools_changed", None, {}, system.clock.now())
    system.signal.ring()
    names = [f"{pool}_{i}" for pool in ("counted", "free") for i in range(2)]
    for name in names:
        (system.notes / name).unlink(missing_ok=True)
    run = system.trigger("pooled")
    for name in ("free_0", "free_1"):
        system.state(run, name, "deferred")
    system.until("one holds the slot", lambda: "deferred" in _counted(system.states(run)))
    assert _counted(system.states(run)) == ["deferred", "scheduled"]
    for name in names:
        (system.notes / name).touch()
    assert system.ended(run) == "success"


def _counted(states: dict[str, str]) -> list[str]:
    return sorted(state for name, state in states.items() if name.startswith("counted"))
