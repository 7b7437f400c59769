"""Kill -9 anything at random while tasks run: scheduler, processor, zygote, worker, tasks.

A witness outside of the product counts: every task appends a line to a file when it starts and
when it ends. Afterwards the database must agree with it. The parts are started as processes of
their own and started again by the test at once; `make campaign` does the same with more tasks.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from tests.acceptance.worker_world import alive, descendants
from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.store import tables
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal

TASKS = int(os.environ.get("TRADEWIND_KILL_TASKS", "100"))
SEED = int(os.environ.get("TRADEWIND_KILL_SEED", "1"))
TASKS_PER_KILL = 10
STUCK_S = 70.0
"""No state may last longer after a single crash (docs/operations.md); a silent loss the longest."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60 + 3 * TASKS)]

DAG_FILE = f"""
import os, time
from datetime import timedelta
from tradewind.sdk import DAG, task

def witness(what, name):
    fd = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    attempt_id = os.environ["TRADEWIND_ATTEMPT_ID"]
    os.write(fd, f"{{what}} {{attempt_id}} {{name}} {{os.getpid()}}\\n".encode())
    os.close(fd)

with DAG("many", max_active_tasks=64):
    for i in range({TASKS}):
        @task(task_id=f"t{{i}}", retries=50, retry_delay=timedelta(seconds=0))
        def work(i=i, ti=None):
            witness("start", f"t{{i}}")
            time.sleep(0.02 + i % 7 * 0.02)
            if i % 10 == 0 and ti.try_number == 1:
                raise ValueError("as planned")
            witness("end", f"t{{i}}")

        work()
"""


class Witness:
    """What tasks wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def _lines(self, what: str) -> list[list[str]]:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [line.split() for line in lines if line.startswith(what + " ")]

    def starts(self) -> list[str]:
        """Return the attempts that started."""
        return [attempt for _, attempt, _, _ in self._lines("start")]

    def has_starts(self, count: int) -> bool:
        return len(self.starts()) >= count

    def running(self) -> list[int]:
        """Return the processes of attempts that started and did not come to an end."""
        ended = {attempt for _, attempt, _, _ in self._lines("end")}
        begun = self._lines("start")
        return [int(pid) for _, a, _, pid in begun if a not in ended and alive(int(pid))]


class System:
    """The parts, as processes of their own."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.witness = Witness(home / "witness")
        (home / "dags").mkdir()
        (home / "dags" / "many.py").write_text(DAG_FILE, encoding="utf-8")
        self.env = {
            **os.environ,
            "TRADEWIND_HOME": str(home),
            "WITNESS": str(self.witness.path),
            "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": url,
            "TRADEWIND__SCHEDULER__LEASE_S": "2",
            "TRADEWIND__SCHEDULER__HEARTBEAT_S": "0.5",
            "TRADEWIND__SCHEDULER__RESUBMIT_S": "1",
            "TRADEWIND__SCHEDULER__RECONCILE_S": "0.5",
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        for part in ("worker", "scheduler", "processor"):
            self.start(part)

    def start(self, part: str) -> None:
        options = []
        if part == "worker":
            folders = {
                "socket": self.home / "run" / "workers.sock",
                "dags-folder": self.home / "dags",
                "log-folder": self.home / "logs",
                "state-dir": self.home / "worker",
            }
            options = [f"--{name}={folder}" for name, folder in folders.items()]
            options.append("--drain-s=1")
        with (self.home / f"{part}.out").open("ab") as out:
            self.parts[part] = subprocess.Popen(
                [sys.executable, "-m", f"tradewind.{part}", *options],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def zygote(self) -> int | None:
        worker = self.parts["worker"].pid
        for pid in descendants(worker):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")
                named = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("tw-")
                if named and int(fields[2].split()[1]) == worker:
                    return pid
        return None

    def kill(self, what: str, rng: random.Random) -> tuple[int] | None:
        """Kill something; return how many attempts that may have hit, None when it is not there."""
        running = self.witness.running()
        if what == "task":
            pid = rng.choice(running) if running else None
        elif what == "zygote":
            pid = self.zygote()
        else:
            pid = self.parts[what].pid
        if pid is None:
            return None
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        if what in self.parts:
            self.parts[what].wait()
            self.start(what)
        if what == "task":
            return (1,)
        # Whoever started between the look and the kill was hit as well.
        return (len({*running, *self.witness.running()}) if what in {"zygote", "worker"} else 0,)

    def stop(self) -> None:
        for process in self.parts.values():
            process.terminate()
        for process in self.parts.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    def output(self) -> str:
        return "\n".join(p.read_text(encoding="utf-8")[-3000:] for p in self.home.glob("*.out"))


def until(what: str, met: Callable[[], Any], timeout_s: float, system: System) -> Any:
    clock = SystemClock()
    deadline = clock.monotonic() + timeout_s
    with selectors.DefaultSelector() as pause:
        while clock.monotonic() < deadline:
            found = met()
            if found:
                return found
            pause.select(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}\n{system.output()}")


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[System]:
    home = tmp_path / "home"
    home.mkdir()
    made = System(home, database_url)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.close()


def rows(db: Database, table: Table) -> list[Any]:
    with db.read() as conn:
        return list(conn.execute(select(table)).mappings())


def test_kill_9_of_anything_loses_and_doubles_nothing(
    system: System, db: Database, pytestconfig: pytest.Config
) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    rng = random.Random(SEED)
    until("the DAG is visible", lambda: scheduling.latest_version(db, "many"), 60, system)
    trigger(db, Signal(db), SystemClock(), "many")
    kinds = ["task", "worker", "scheduler", "zygote", "processor"]
    killed: Counter[str] = Counter()
    hit = 0
    for number in range(TASKS // TASKS_PER_KILL - 1):
        goal = (number + 1) * TASKS_PER_KILL
        until("tasks start", partial(system.witness.has_starts, goal), STUCK_S, system)
        what = kinds[number % len(kinds)]
        if number % len(kinds) == 0:
            rng.shuffle(kinds)
            what = kinds[0]
        # In a tuple: that no attempt was hit is an answer, too.
        (count,) = until(f"a {what} to kill", partial(system.kill, what, rng), 10, system)
        killed[what] += 1
        hit += count
    ended = lambda: {r["state"] for r in rows(db, tables.dag_run)} <= {"success", "failed"}  # noqa: E731
    until("the run ends", ended, STUCK_S + TASKS * 0.2, system)
    assert set(killed) == set(kinds)
    check(system.witness, db, hit)
    folder: Path | None = pytestconfig.getoption("--counts")
    if folder is not None:
        note(folder / "killed", db, system.witness, killed, hit, clock.monotonic() - began)


def note(
    folder: Path, db: Database, witness: Witness, killed: Counter[str], hit: int, seconds: float
) -> None:
    """Keep the figures of a run for the campaign's report."""
    retries = sum(row["try_number"] - 1 for row in rows(db, tables.task_instance))
    figures = {
        "database": db.dialect,
        "seed": SEED,
        "tasks": TASKS,
        "killed": killed,
        "hit": hit,
        "starts": len(witness.starts()),
        "retries": retries,
        "seconds": seconds,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{db.dialect}-{SEED}.json").write_text(json.dumps(figures), encoding="utf-8")


def check(witness: Witness, db: Database, hit: int) -> None:
    instances = {row["task_id"]: row for row in rows(db, tables.task_instance)}
    assert len(instances) == TASKS
    assert {row["state"] for row in instances.values()} == {"success"}
    attempts = {row["attempt_id"]: row for row in rows(db, tables.attempt)}
    assert {row["state"] for row in attempts.values()} <= {"done", "lost"}, "nothing is left over"
    accepted = Counter(
        row["task_id"] for row in attempts.values() if b"succeeded" in bytes(row["outcome"] or b"")
    )
    assert accepted == dict.fromkeys(instances, 1), "exactly one accepted outcome for each task"
    starts = witness.starts()
    assert len(starts) == len(set(starts)), "no attempt starts twice"
    for attempt_id in starts:
        row = attempts[attempt_id]
        assert row["claimed_at"] is not None, "no start without a claim"
        assert row["outcome"] or row["reason"], f"{attempt_id} ended without a reason"
    retries = sum(row["try_number"] - 1 for row in instances.values())
    assert len(starts) - len(instances) - retries <= hit
