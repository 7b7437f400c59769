"""Workers on another machine: real processes that have a ticket and an API server's URL."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.acceptance.deployment import NOTE, Deployment
from tests.acceptance.far_executor import NAME, VARIABLE
from tradewind.wire.remote import Ticket, frame

DAGS = (
    NOTE
    + """
from datetime import timedelta
from tradewind.sdk import DAG, Asset, Variable, task
import time

with DAG("everything", default_args={"retry_delay": timedelta(seconds=0.2)}):
    @task
    def first():
        Variable.set("seen", "yes")
        print("from far away")
        return [1, 2, 3]

    @task
    def double(n):
        return 2 * n

    @task(outlets=[Asset("far")])
    def total(numbers):
        note("total", [sum(numbers), Variable.get("seen")])

    @task(retries=1, on_failure_callback=lambda c: note("called", "no"),
          on_retry_callback=lambda c: note("called", c["ti"].try_number))
    def flaky(**context):
        if context["ti"].try_number == 1:
            raise ValueError("not yet")

    total(double.expand(n=first())) >> flaky()

with DAG("listens", schedule=[Asset("far")]):
    @task
    def heard():
        note("heard", True)
    heard()

with DAG("defers"):
    from tradewind.sdk import TimeDeltaSensor
    TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=0.5), deferrable=True)

with DAG("long", default_args={"retries": 1, "retry_delay": timedelta(seconds=0.2)}):
    @task
    def waits():
        import os
        note("pid", os.getpid())
        print("waiting")
        while not os.path.exists(os.path.join(os.environ["NOTES"], "go")):
            time.sleep(0.05)
    waits()
"""
)


class Far:
    """A deployment whose tasks run on workers that only its API server knows."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.box = Path(f"/tmp/tw-{uuid.uuid4().hex[:12]}.far")
        self._tickets = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._tickets.bind(str(self.box))
        self.world = Deployment(
            home / "home",
            url,
            DAGS,
            TRADEWIND__CORE__EXECUTOR=NAME,
            TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="4",
            PYTHONPATH=os.pathsep.join(p for p in sys.path if p),
            **{VARIABLE: str(self.box)},
        )
        self.workers: list[tuple[subprocess.Popen[bytes], socket.socket]] = []
        self._relay = threading.Thread(target=self._pass_on, daemon=True)
        self._relay.start()

    @property
    def url(self) -> str:
        def look() -> str | None:
            said = (self.world.home / "output").read_text(encoding="utf-8")
            found = re.search(r"(http://127\.0\.0\.1:\d+)", said)
            return found[1] if found else None

        return self.world.until("the API server's URL", look)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker that has no DAG folder and no database."""
        ours, theirs = socket.socketpair()
        folder = self.home / f"worker-{len(self.workers)}"
        folder.mkdir()
        env = {k: v for k, v in self.world.env.items() if not k.startswith("TRADEWIND_")}
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tradewind.worker", "--server", self.url),
                    *("--tickets-fd", str(theirs.fileno())),
                    *("--dags-folder", str(folder / "dags")),
                    *("--log-folder", str(folder / "logs")),
                    *("--state-dir", str(folder / "state")),
                    *("--heartbeat-s", "0.3", "--kill-grace-s", "1", "--lease-s", "4"),
                ],
                pass_fds=[theirs.fileno()],
                env=env,
                stdout=output,
                stderr=output,
            )
        theirs.close()
        self.workers.append((process, ours))
        return process

    def close(self) -> None:
        self.world.stop()
        for process, tickets in self.workers:
            tickets.close()
            process.kill()
            process.wait()
        self._tickets.close()
        self.box.unlink()

    def _pass_on(self) -> None:
        while True:
            try:
                ticket = msgspec.json.decode(self._tickets.recv(4096), type=Ticket)
            except (OSError, msgspec.MsgspecError):
                return
            for process, worker in reversed(self.workers):
                if process.poll() is None:
                    with contextlib.suppress(OSError):
                        worker.sendall(frame(ticket))
                        break


@pytest.fixture(scope="module")
def far(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    far = Far(tmp_path_factory.mktemp("far"), module_url)
    far.start_worker()
    try:
        far.world.ready("everything", "listens", "defers", "long")
        yield far
    finally:
        far.close()


def test_tasks_of_every_kind_run_far_away(far: Far) -> None:
    world = far.world
    run = world.trigger("everything")
    world.state(run, "flaky", "success")
    assert world.note("total") == [[12, "yes"]]
    assert world.xcom(run, "first") == [1, 2, 3]
    world.until("the retry's callback", lambda: world.note("called") == [1])
    world.until("the run that the asset starts", lambda: world.note("heard") == [True])
    world.until("the log", lambda: "from far away" in world.lines(run, "first"))
    world.until("the whole log", lambda: "attempt ended: succeeded" in world.lines(run, "flaky"))
    assert any("not yet" in line for line in world.lines(run, "flaky"))


def test_a_deferred_task_goes_on_far_away(far: Far) -> None:
    run = far.world.trigger("defers")
    far.world.state(run, "wait", "success")


def test_the_log_is_seen_while_the_task_runs_and_a_cleared_task_is_stopped(far: Far) -> None:
    world = far.world
    before = len(world.note("pid"))
    run = world.trigger("long")
    world.until("the log", lambda: "waiting" in world.lines(run, "waits"))
    world.clear(run, "waits")
    world.until("a second attempt", lambda: len(world.note("pid")) == before + 2)
    first, second = world.note("pid")[before:]
    assert not Path(f"/proc/{first}").exists(), "the cleared attempt has ended before"
    assert Path(f"/proc/{second}").exists()
    (world.notes / "go").touch()
    world.state(run, "waits", "success")
    (world.notes / "go").unlink()


def test_an_outcome_arrives_when_the_api_server_was_killed_meanwhile(far: Far) -> None:
    world = far.world
    before = len(world.note("pid"))
    run = world.trigger("long")
    world.until("it runs", lambda: len(world.note("pid")) == before + 1)
    os.kill(web_server_of(far), signal.SIGKILL)
    (world.notes / "go").touch()
    ti = world.state(run, "waits", "success")
    (world.notes / "go").unlink()
    assert ti.try_number == 1
    assert len(world.note("pid")) == before + 1


def test_what_a_lost_worker_ran_is_tried_again_elsewhere(far: Far) -> None:
    world = far.world
    before = len(world.note("pid"))
    run = world.trigger("long")
    world.until("it runs", lambda: len(world.note("pid")) == before + 1)
    lost, _ = far.workers[-1]
    far.start_worker()
    lost.kill()
    lost.wait()
    world.until("it runs again", lambda: len(world.note("pid")) == before + 2)
    (world.notes / "go").touch()
    ti = world.state(run, "waits", "success")
    (world.notes / "go").unlink()
    assert ti.try_number == 2


def web_server_of(far: Far) -> int:
    """Return the process that listens: the deployment's children share one program's name."""
    return far.world.until("a web server listens", lambda: listening_at(far))


def listening_at(far: Far) -> int | None:
    port = int(far.url.rpartition(":")[2])
    listening = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    }
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != far.world.process.pid:
            with contextlib.suppress(OSError):
                links = [str(fd.readlink()) for fd in (entry / "fd").iterdir()]
                if any(f"socket:[{inode}]" in links for inode in listening):
                    return int(entry.name)
    return None
