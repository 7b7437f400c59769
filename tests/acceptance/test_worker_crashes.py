"""Anything may be killed at any moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.worker_world import World, alive, descendants, kill, launch_of, world
from tradewind.model.outcome import Succeeded, Vanished
from tradewind.wire.messages import Claim, Finish, Launch, Outage, Reply

pytestmark = pytest.mark.acceptance

FILE = """
import os, signal, subprocess, time

def note(name, value=''):
    with open(os.path.join(folder, name), 'a') as file:
        file.write(f'{value}\\n')

def wait(a):
    note('started', os.getpid())
    note('host', os.getppid())
    while not os.path.exists(os.path.join(folder, 'go')):
        time.sleep(0.01)

def leave(a):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            note('daemon', os.getpid())
            time.sleep(60)
        os._exit(0)
    child = subprocess.Popen(['setsid', 'sleep', '60'])
    note('daemon', child.pid)
    wait(a)

TASKS = {f.__name__: f for f in (wait, leave)} | {'quick': lambda a: note('quick')}
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, heartbeat_s=0.1, lease_s=60.0) as found:
        found.worker.write(FILE)
        yield found


def numbers(there: World, name: str, count: int = 1) -> list[int]:
    path = there.worker.dags / name

    def found() -> list[int]:
        return [int(n) for n in path.read_text(encoding="utf-8").split()] if path.exists() else []

    there.scheduler.until(lambda: len(found()) >= count)
    return found()


def start(there: World, task_id: str = "wait") -> Launch:
    launch = launch_of(task_id)
    there.scheduler.submit(launch)
    numbers(there, "started")
    return launch


def go(there: World) -> None:
    (there.worker.dags / "go").touch()


def zygote(there: World) -> int:
    (host,) = numbers(there, "host")
    fields = Path(f"/proc/{host}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[1])


def test_nothing_outlives_a_killed_supervisor(there: World) -> None:
    start(there, "leave")
    daemons = numbers(there, "daemon", 2)
    below = descendants(there.worker.pid) | set(daemons)
    assert len(below) >= 6
    kill(there.worker.pid)
    there.worker.process.wait()
    there.scheduler.until(lambda: not [pid for pid in below if alive(pid)], 5.0)


def test_the_next_worker_finds_what_nobody_else_could(there: World) -> None:
    start(there, "leave")
    left = numbers(there, "daemon", 2)
    host, above = numbers(there, "host")[0], zygote(there)
    for pid in (there.worker.pid, above, host):
        os.kill(pid, signal.SIGSTOP)
    for pid in (there.worker.pid, above, host):
        kill(pid)
    there.worker.process.wait()
    there.worker.start()
    there.connected(2)
    there.scheduler.until(lambda: not [pid for pid in left if alive(pid)], 5.0)


def test_a_killed_zygote_takes_its_attempts_and_is_replaced(there: World) -> None:
    launch = start(there, "leave")
    below = {*numbers(there, "started"), *numbers(there, "host"), *numbers(there, "daemon", 2)}
    kill(zygote(there))
    outcome = there.scheduler.finish_of(launch).outcome
    assert isinstance(outcome, Vanished)
    assert not outcome.before_start
    there.scheduler.until(lambda: not [pid for pid in below if alive(pid)], 5.0)
    assert there.scheduler.run(launch_of("quick", fence=2)).outcome == Succeeded()
    assert there.worker.process.poll() is None


def test_a_killed_file_host_takes_its_attempts_and_is_replaced(there: World) -> None:
    launch = start(there)
    kill(numbers(there, "host")[0])
    outcome = there.scheduler.finish_of(launch).outcome
    assert isinstance(outcome, Vanished)
    assert there.scheduler.run(launch_of("quick", fence=2)).outcome == Succeeded()


def test_attempts_go_on_while_the_scheduler_is_away(there: World) -> None:
    launch = start(there)
    there.scheduler.close()
    go(there)
    there.scheduler.until(lambda: not alive(numbers(there, "started")[0]))
    there.scheduler.open()
    assert there.scheduler.finish_of(launch).outcome == Succeeded()
    owned = {(r.attempt_id, r.nonce) for r in there.scheduler.hellos[1].running}
    assert owned == {(launch.attempt_id, there.scheduler.claims[0].nonce)}
    assert there.scheduler.hellos[0].peer_id == there.scheduler.hellos[1].peer_id


def test_unanswered_claims_and_outcomes_are_repeated(there: World) -> None:
    go(there)
    there.scheduler.claim_reply = lambda claim: None
    launch = launch_of("wait")
    there.scheduler.submit(launch)
    there.scheduler.until(lambda: there.scheduler.claims)
    there.scheduler.close()
    there.scheduler.claim_reply = lambda claim: Reply(seq=claim.seq)
    there.scheduler.finish_reply = lambda finish: None
    there.scheduler.open()
    there.scheduler.finish_of(launch)
    there.scheduler.close()
    there.scheduler.finish_reply = lambda finish: Reply(seq=finish.seq)
    there.scheduler.open()
    there.scheduler.until(lambda: len(there.scheduler.all_finishes) == 2)
    claims: list[Claim] = there.scheduler.claims
    finishes: list[Finish] = there.scheduler.all_finishes
    assert len({c.nonce for c in claims} | {f.nonce for f in finishes}) == 1
    assert len(claims) == 2
    assert finishes[0] == finishes[1]
    assert len(numbers(there, "started")) == 1


def test_an_outcome_survives_scheduler_and_supervisor(there: World) -> None:
    launch = start(there)
    there.scheduler.close()
    go(there)
    journal = there.worker.home / "state" / "outcomes"
    there.scheduler.until(lambda: journal.stat().st_size > 0)
    kill(there.worker.pid)
    there.worker.process.wait()
    there.scheduler.open()
    there.worker.start()
    assert there.scheduler.finish_of(launch).outcome == Succeeded()
    assert [r.attempt_id for r in there.scheduler.hellos[-1].running] == [launch.attempt_id]
    there.scheduler.until(lambda: journal.stat().st_size == 0)


def test_an_acknowledged_outcome_is_not_journalled(there: World) -> None:
    there.scheduler.run(launch_of("quick"))
    assert (there.worker.home / "state" / "outcomes").stat().st_size == 0


@pytest.mark.parametrize("how", ["gone", "silent"])
def test_without_a_scheduler_for_a_lease_attempts_are_killed(tmp_path: Path, how: str) -> None:
    with world(tmp_path, heartbeat_s=0.1, lease_s=1.5, kill_grace_s=0.5) as there:
        there.worker.write(FILE)
        launch = start(there)
        (pid,) = numbers(there, "started")
        since = time.monotonic()
        there.scheduler.beat_reply = lambda beat: None
        if how == "gone":
            there.scheduler.close()
        there.scheduler.until(lambda: not alive(pid), 5.0)
        assert time.monotonic() - since < 1.5 + 0.5
        if how == "gone":
            there.scheduler.open()
        outcome = there.scheduler.finish_of(launch).outcome
        assert outcome == Vanished(reason="stopped: no scheduler answered for 1 s")


def test_while_the_database_is_away_attempts_go_on(tmp_path: Path) -> None:
    with world(tmp_path, heartbeat_s=0.1, lease_s=1.5, kill_grace_s=0.5) as there:
        there.worker.write(FILE)
        launch = start(there)
        (pid,) = numbers(there, "started")
        since = time.monotonic()
        there.scheduler.send(Outage(grace_s=3.0))
        there.scheduler.close()
        there.scheduler.until(lambda: time.monotonic() - since > 2.5, 5.0)
        assert alive(pid)
        there.scheduler.open()
        (there.worker.home / "dags" / "go").touch()
        assert there.scheduler.finish_of(launch).outcome == Succeeded()


def test_an_outage_has_an_end_too(tmp_path: Path) -> None:
    with world(tmp_path, heartbeat_s=0.1, lease_s=1.0, kill_grace_s=0.5) as there:
        there.worker.write(FILE)
        start(there)
        (pid,) = numbers(there, "started")
        there.scheduler.send(Outage(grace_s=0.5))
        there.scheduler.close()
        there.scheduler.until(lambda: not alive(pid), 5.0)


def test_one_worker_a_state_directory(there: World, tmp_path: Path) -> None:
    first = there.worker.process
    there.worker.start()
    try:
        assert there.worker.process.wait(10) == 1
        assert "another worker runs with the state directory" in there.worker.output()
        assert first.poll() is None
    finally:
        there.worker.process = first
