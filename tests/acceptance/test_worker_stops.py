"""Attempts that are stopped, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.worker_world import World, alive, descendants, launch_of, world
from tradewind.model.outcome import Failed, Succeeded, Vanished
from tradewind.wire.messages import Launch, Reply

pytestmark = pytest.mark.acceptance

FILE = """
import os, signal, subprocess, sys, time
from tradewind.sdk.exceptions import AirflowTaskTerminated

def note(name, value=''):
    with open(os.path.join(folder, name), 'a') as file:
        file.write(f'{value}\\n')

def wait(a):
    note('started', os.getpid())
    try:
        time.sleep(60)
    except AirflowTaskTerminated:
        note('on_kill')
        raise

def stubborn(a):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note('started', os.getpid())
    while True:
        time.sleep(0.01)

def daemon(a):
    # A double fork with sessions of their own: out of reach of process groups.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note('daemon', os.getpid())
            time.sleep(60)
        os._exit(0)
    child = subprocess.Popen(['setsid', 'sleep', '60'])
    note('daemon', child.pid)
    while len(open(os.path.join(folder, 'daemon')).readlines()) < 2:
        time.sleep(0.01)

def daemon_and_wait(a):
    daemon(a)
    wait(a)

def quick(a): pass

TASKS = {f.__name__: f for f in (wait, stubborn, daemon, daemon_and_wait, quick)}
TIMEOUTS = {'stubborn': 0.2}
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, heartbeat_s=0.1, lease_s=3.0, drain_s=1.0) as found:
        found.worker.write(FILE)
        yield found


def pids(there: World, name: str, count: int = 1) -> list[int]:
    path = there.worker.dags / name

    def found() -> list[int]:
        return [int(n) for n in path.read_text(encoding="utf-8").split()] if path.exists() else []

    there.scheduler.until(lambda: len(found()) >= count)
    return found()


def start(there: World, task_id: str) -> Launch:
    launch = launch_of(task_id)
    there.scheduler.submit(launch)
    pids(there, "started")
    return launch


def test_a_cancelled_task_is_told_and_ends(there: World) -> None:
    launch = start(there, "wait")
    there.scheduler.cancel(launch.attempt_id, "cleared by a user")
    finish = there.scheduler.finish_of(launch)
    assert isinstance(finish.outcome, Failed)
    assert (there.worker.dags / "on_kill").exists()
    assert "stopping the attempt: cleared by a user" in there.worker.events(launch)


def test_a_task_that_does_not_listen_is_killed(there: World) -> None:
    launch = launch_of("stubborn")
    there.scheduler.submit(launch)
    (pid,) = pids(there, "started")
    there.scheduler.cancel(launch.attempt_id)
    finish = there.scheduler.finish_of(launch)
    assert finish.outcome == Vanished(reason="stopped: cleared", exit_signal=9)
    assert not alive(pid)


def test_the_supervisor_enforces_the_execution_timeout(there: World) -> None:
    launch = launch_of("stubborn")
    finish = there.scheduler.run(launch)
    assert finish.outcome == Failed(error="execution timeout: it ran longer than 0.2 s")


def test_what_a_task_leaves_behind_is_killed_before_its_end_is_told(there: World) -> None:
    finish = there.scheduler.run(launch_of("daemon"))
    assert finish.outcome == Succeeded()
    left = pids(there, "daemon", 2)
    assert not [pid for pid in left if alive(pid)]


def test_a_cancelled_task_takes_its_daemons_with_it(there: World) -> None:
    launch = start(there, "daemon_and_wait")
    left = pids(there, "daemon", 2)
    assert all(alive(pid) for pid in left)
    there.scheduler.cancel(launch.attempt_id)
    there.scheduler.finish_of(launch)
    assert not [pid for pid in left if alive(pid)]


def test_a_fenced_beat_kills_and_nothing_is_reported(there: World) -> None:
    launch = start(there, "wait")
    there.scheduler.beat_reply = lambda b: Reply(seq=b.seq, cancel=(launch.attempt_id,))
    (pid,) = pids(there, "started")
    there.scheduler.until(lambda: not alive(pid))
    there.scheduler.run(launch_of("quick", fence=2))
    assert launch.attempt_id not in there.scheduler.finishes
    assert "stopping the attempt: it is no longer the current attempt" in there.worker.events(
        launch
    )


def test_an_outcome_that_is_fenced_is_noted(there: World) -> None:
    there.scheduler.finish_reply = lambda f: Reply(seq=f.seq, error="fenced", message="too late")
    launch = launch_of("quick")
    there.scheduler.run(launch)
    expected = "the outcome was not accepted: too late"
    there.scheduler.until(lambda: there.worker.events(launch)[-1:] == [expected])


def test_beats_name_what_runs(there: World) -> None:
    launch = start(there, "wait")
    there.scheduler.until(lambda: len(there.scheduler.beats) >= 2)
    nonce = there.scheduler.claims[0].nonce
    found = [(a.attempt_id, a.nonce) for a in there.scheduler.beats[-1].attempts]
    assert found == [(launch.attempt_id, nonce)]


def test_sigterm_drains(there: World) -> None:
    there.worker.write(
        "import os, time\n"
        "def t(a):\n"
        "    open(os.path.join(folder, 'started'), 'a').write(f'{os.getpid()}\\n')\n"
        "    time.sleep(0.4)\n"
        "TASKS = {'t': t}",
        "slow.py",
    )
    running, late = launch_of("t", dag_file="slow.py"), launch_of("quick")
    there.scheduler.submit(running)
    pids(there, "started")
    there.worker.process.terminate()
    there.scheduler.pump(0.1)
    there.scheduler.submit(late)
    assert there.scheduler.finish_of(running).outcome == Succeeded()
    assert there.worker.process.wait(10) == 0
    assert late.attempt_id not in {c.attempt_id for c in there.scheduler.claims}


def test_at_the_end_of_the_drain_tasks_are_stopped(there: World) -> None:
    launch = start(there, "wait")
    there.worker.process.terminate()
    finish = there.scheduler.finish_of(launch)
    assert finish.outcome == Vanished(reason="stopped: the worker was shut down")
    assert there.worker.process.wait(10) == 0
    assert (there.worker.dags / "on_kill").exists()


def test_a_drained_worker_leaves_no_process(there: World) -> None:
    start(there, "stubborn")
    below = descendants(there.worker.pid)
    there.scheduler.drain(0.0)
    there.scheduler.until(lambda: there.worker.process.poll() is not None)
    there.scheduler.until(lambda: not [pid for pid in below if alive(pid)])
