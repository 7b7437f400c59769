"""A real triggerer process: events, failures, cancels, blocked loops, lost connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.triggerers import TriggererProcess, launch
from tradewind.sdk import serde
from tradewind.sdk.loading import module_name
from tradewind.wire import logs
from tradewind.wire.messages import (
    Beat,
    CancelAttempt,
    Claim,
    Request,
    TriggerFinish,
    WatcherEvent,
)

pytestmark = pytest.mark.acceptance

WAITS = """
import asyncio, logging, os, time
from pathlib import Path
from tradewind.sdk import Variable
from tradewind.sdk.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

class Fires(BaseTrigger):
    def __init__(self, value=None, after=0.0):
        self.value, self.after = value, after
    async def run(self):
        logging.getLogger("mine").info("waiting for %s", self.value)
        await asyncio.sleep(self.after)
        yield TriggerEvent(self.value)
        yield TriggerEvent("never seen")

class Fails(BaseTrigger):
    async def run(self):
        await asyncio.sleep(0)
        raise ValueError("no luck")
        yield

class EndsSilently(BaseTrigger):
    async def run(self):
        await asyncio.sleep(0)
        return
        yield

class Exits(BaseTrigger):
    async def run(self):
        raise SystemExit(3)
        yield

class Cleans(BaseTrigger):
    def __init__(self, note):
        self.note = note
    async def run(self):
        await asyncio.sleep(1000)
        yield TriggerEvent(1)
    async def on_kill(self):
        Path(self.note + ".killed").write_text("killed")
    async def cleanup(self):
        Path(self.note).write_text("cleaned")

class Blocks(BaseTrigger):
    async def run(self):
        time.sleep(1000)
        yield TriggerEvent(1)

class Asks(BaseTrigger):
    async def run(self):
        here = Variable.get("x")
        there = await asyncio.to_thread(Variable.get, "x")
        yield TriggerEvent([here, there])

class Watches(BaseEventTrigger):
    def __init__(self, folder, values):
        self.folder, self.values = Path(folder), values
    async def run(self):
        for number, value in enumerate(self.values):
            yield TriggerEvent(value)
            (self.folder / f"acknowledged {number}").touch()
    async def cleanup(self):
        (self.folder / "cleaned").touch()

class Unserialisable(BaseTrigger):
    async def run(self):
        yield TriggerEvent(lambda: None)
"""


@pytest.fixture
def triggerer(tmp_path: Path) -> Iterator[TriggererProcess]:
    world = TriggererProcess(tmp_path, "--blocked-s", "1")
    (world.dags / "waits.py").write_text(WAITS)
    with world:
        yield world


def test_a_trigger_is_claimed_runs_and_fires_once(triggerer: TriggererProcess) -> None:
    scheduler = triggerer.scheduler
    scheduler.send(launch("t", "waits.Fires", value={"a": [1, None]}))
    finish = scheduler.finish_of("t")
    assert finish.error is None
    assert finish.payload is not None
    assert serde.loads(finish.payload) == {"a": [1, None]}
    (claim,) = scheduler.of(Claim)
    assert finish.nonce == claim.nonce
    assert len(scheduler.of(TriggerFinish)) == 1


def test_what_it_logs_is_in_its_tasks_log(triggerer: TriggererProcess) -> None:
    triggerer.scheduler.send(launch("t", "waits.Fires", value="rain"))
    triggerer.scheduler.finish_of("t")
    folder = logs.instance_folder(triggerer.logs, "d", "r", "t", -1)

    def lines() -> list[tuple[str, str]]:
        try:
            chunk = logs.read(triggerer.logs, logs.segment_path(folder, 1, 3))
        except FileNotFoundError:
            return []
        return [(line["source"], line["event"]) for line in map(json.loads, chunk.lines)]

    triggerer.scheduler.wait_for(lambda: ("mine", "waiting for rain") in lines(), "the line")


@pytest.mark.parametrize(
    ("classpath", "expected"),
    [
        ("waits.Fails", "ValueError: no luck"),
        ("waits.EndsSilently", "ended without an event"),
        ("waits.Exits", "SystemExit: 3"),
        ("waits.Absent", "no 'Absent' in waits"),
        ("waits.Unserialisable", "the event of waits.Unserialisable"),
        ("not_there.Mine", "cannot import 'not_there'"),
    ],
)
def test_a_failure_is_reported_and_harms_no_other(
    triggerer: TriggererProcess, classpath: str, expected: str
) -> None:
    triggerer.scheduler.send(launch("bad", classpath))
    triggerer.scheduler.send(launch("good", "waits.Fires", value=1, after=0.1))
    assert expected in (triggerer.scheduler.finish_of("bad").error or "")
    assert triggerer.scheduler.finish_of("good").error is None


def test_hundreds_wait_together_and_are_beaten(triggerer: TriggererProcess) -> None:
    scheduler = triggerer.scheduler
    for number in range(300):
        scheduler.send(launch(f"t{number}", "waits.Fires", value=number, after=1.0))
    scheduler.wait_for(
        lambda: any(len(beat.attempts) == 300 for beat in scheduler.of(Beat)), "one beat of all"
    )
    scheduler.wait_for(lambda: len(scheduler.of(TriggerFinish)) == 300, "all events")


def test_thousands_wait_in_little_memory(triggerer: TriggererProcess) -> None:
    scheduler = triggerer.scheduler
    scheduler.send(launch("first", "waits.Fires", value=0))
    scheduler.finish_of("first")
    alone = triggerer.memory_mib()
    for number in range(2000):
        scheduler.send(launch(f"t{number}", "waits.Fires", value=number, after=1000.0))
    scheduler.wait_for(
        lambda: any(len(beat.attempts) == 2000 for beat in scheduler.of(Beat)), "one beat of all"
    )
    scheduler.wait_for(lambda: len(scheduler.of(Claim)) == 2001, "all claims")
    scheduler.send(launch("last", "waits.Fires", value=1))
    assert scheduler.finish_of("last").error is None, "it is not held up"
    each_kib = (triggerer.memory_mib() - alone) * 1024 / 2000
    assert each_kib < 30, f"{each_kib:.1f} KiB for each trigger, {alone:.0f} MiB without any"


def test_a_cancelled_trigger_cleans_up_and_says_nothing(
    triggerer: TriggererProcess, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    first = launch("t", "waits.Cleans", note=str(note))
    triggerer.scheduler.send(first)
    triggerer.scheduler.wait_for(lambda: triggerer.scheduler.of(Beat), "a beat")
    triggerer.scheduler.send(CancelAttempt(attempt_id=first.attempt_id, reason="cleared"))
    triggerer.scheduler.wait_for(note.exists, "the cleanup")
    assert (tmp_path / "note.killed").exists()
    triggerer.scheduler.send(launch("after", "waits.Fires", value=1))
    triggerer.scheduler.finish_of("after")
    assert [f.attempt_id for f in triggerer.scheduler.of(TriggerFinish)] == ["trigger.after"]


def test_a_trigger_that_blocks_fails_and_the_others_go_on(triggerer: TriggererProcess) -> None:
    triggerer.scheduler.send(launch("other", "waits.Fires", value=1, after=0.5))
    triggerer.scheduler.send(launch("blocks", "waits.Blocks"))
    assert "blocked the event loop" in (triggerer.scheduler.finish_of("blocks").error or "")
    assert triggerer.scheduler.finish_of("other").error is None


def test_a_trigger_may_ask_in_the_loop_and_in_a_thread(triggerer: TriggererProcess) -> None:
    triggerer.scheduler.send(launch("t", "waits.Asks"))
    payload = triggerer.scheduler.finish_of("t").payload
    assert payload is not None
    assert serde.loads(payload) == ["from the server"] * 2
    assert {r.attempt_id for r in triggerer.scheduler.of(Request)} == {"trigger.t"}


def test_a_lost_connection_is_found_again_with_what_runs(triggerer: TriggererProcess) -> None:
    scheduler = triggerer.scheduler
    scheduler.send(launch("t", "waits.Fires", value=1, after=1.0))
    scheduler.wait_for(lambda: scheduler.of(Beat), "a beat")
    peer = scheduler.of(Claim)[0].nonce
    scheduler.close()
    scheduler.open()
    hello = scheduler.wait_for_hellos(2)
    assert [(r.attempt_id, r.nonce) for r in hello.running] == [("trigger.t", peer)]
    assert scheduler.finish_of("t").nonce == peer


def test_an_event_that_was_not_answered_is_sent_again(triggerer: TriggererProcess) -> None:
    scheduler = triggerer.scheduler
    scheduler.answers_finishes = False
    scheduler.send(launch("t", "waits.Fires", value=1))
    scheduler.finish_of("t")
    scheduler.close()
    scheduler.answers_finishes = True
    scheduler.open()
    hello = scheduler.wait_for_hellos(2)
    assert [r.attempt_id for r in hello.running] == ["trigger.t"]
    scheduler.wait_for(lambda: len(scheduler.of(TriggerFinish)) == 2, "the event again")


def test_what_it_is_given_again_it_claims_again_and_starts_once(
    triggerer: TriggererProcess,
) -> None:
    scheduler = triggerer.scheduler
    for _ in range(2):
        scheduler.send(launch("t", "waits.Fires", value=1, after=0.3))
    finish = scheduler.finish_of("t")
    assert [claim.nonce for claim in scheduler.of(Claim)] == [finish.nonce] * 2
    scheduler.send(launch("other", "waits.Fires", value=2))
    scheduler.finish_of("other")
    assert len(scheduler.of(TriggerFinish)) == 2


def test_what_is_beyond_its_capacity_waits(tmp_path: Path) -> None:
    world = TriggererProcess(tmp_path, "--capacity", "2")
    (world.dags / "waits.py").write_text(WAITS)
    with world:
        for number in range(5):
            world.scheduler.send(launch(f"t{number}", "waits.Fires", value=1, after=0.3))
        world.scheduler.wait_for(lambda: len(world.scheduler.of(TriggerFinish)) == 5, "all events")
        assert max(len(beat.attempts) for beat in world.scheduler.of(Beat)) <= 2


def test_sigterm_lets_triggers_go(triggerer: TriggererProcess, tmp_path: Path) -> None:
    note = tmp_path / "note"
    triggerer.scheduler.send(launch("t", "waits.Cleans", note=str(note)))
    triggerer.scheduler.wait_for(lambda: triggerer.scheduler.of(Beat), "a beat")
    assert triggerer.terminate() == 0
    assert note.read_text() == "cleaned"
    assert not (tmp_path / "note.killed").exists(), "its task goes on waiting, elsewhere"
    assert triggerer.scheduler.of(TriggerFinish) == []


def test_a_killed_triggerers_triggers_run_in_the_next(triggerer: TriggererProcess) -> None:
    first = launch("t", "waits.Fires", value=1, after=0.5)
    triggerer.scheduler.send(first)
    triggerer.scheduler.wait_for(lambda: triggerer.scheduler.of(Claim), "the claim")
    triggerer.kill()
    triggerer.start()
    hello = triggerer.scheduler.wait_for_hellos(2)
    assert hello.running == ()
    triggerer.scheduler.send(first)
    assert triggerer.scheduler.finish_of("t").error is None


def test_a_trigger_class_in_a_dag_file(triggerer: TriggererProcess) -> None:
    path = triggerer.dags / "dag.py"
    path.write_text("from tradewind.sdk import DAG\nDAG('d')\n" + WAITS)
    classpath = f"{module_name(str(path), str(triggerer.dags))}.Fires"
    triggerer.scheduler.send(launch("t", classpath, value=1))
    assert triggerer.scheduler.finish_of("t").error is None


def acknowledged(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("acknowledged *"))


def test_a_watcher_goes_on_when_its_event_is_kept_and_ends_well(
    triggerer: TriggererProcess, tmp_path: Path
) -> None:
    scheduler = triggerer.scheduler
    values = ["a", {"b": [1]}]
    watch = launch("w", "waits.Watches", kind="watcher", folder=str(tmp_path), values=values)
    scheduler.send(watch)
    finish = scheduler.finish_of("w")
    assert (finish.payload, finish.error) == (b"null", None)
    told = [(e.number, e.extra) for e in scheduler.of(WatcherEvent)]
    assert told == [
        (1, {"from_trigger": True, "payload": "a"}),
        (2, {"from_trigger": True, "payload": {"b": [1]}}),
    ]
    assert acknowledged(tmp_path) == ["acknowledged 0", "acknowledged 1"]
    assert (tmp_path / "cleaned").exists()


def test_a_watcher_waits_for_the_answer_over_a_lost_connection(
    triggerer: TriggererProcess, tmp_path: Path
) -> None:
    scheduler = triggerer.scheduler
    scheduler.answers_finishes = False
    scheduler.send(
        launch("w", "waits.Watches", kind="watcher", folder=str(tmp_path), values=[1, 2])
    )
    scheduler.wait_for(lambda: scheduler.of(WatcherEvent), "the event")
    assert acknowledged(tmp_path) == []
    scheduler.close()
    scheduler.open()
    scheduler.answers_finishes = True
    scheduler.finish_of("w")
    assert [e.number for e in scheduler.of(WatcherEvent)] == [1, 1, 2]
    assert len({e.nonce for e in scheduler.of(WatcherEvent)}) == 1


def test_a_watchers_event_must_be_json(triggerer: TriggererProcess, tmp_path: Path) -> None:
    scheduler = triggerer.scheduler
    scheduler.send(launch("w", "waits.Unserialisable", kind="watcher"))
    assert "cannot be written as JSON" in (scheduler.finish_of("w").error or "")
    assert scheduler.of(WatcherEvent) == []
