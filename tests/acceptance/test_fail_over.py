"""Two schedulers on one PostgreSQL database: the leader stands still, dies, is stopped.

Whatever becomes of the leader, the standby goes on within the lease, and no task is lost or
started twice; a leader that stood still and wakes up finds that it leads no more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.test_kill_anything import STUCK_S, TASKS, System, check, rows, until
from tests.servers import PostgresServer
from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.store import tables
from tradewind.store.connect import Database, open_database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal

LEASE_S = 2.0
"""As `System` sets it."""
TAKE_OVER_S = LEASE_S + 10.0
"""The lease, and what a busy machine adds."""

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.timeout(300)]


class Pair(System):
    """A system with two schedulers."""

    def start(self, part: str) -> None:
        super().start(part)
        if part == "scheduler":
            self.stand_by("standby")

    def stand_by(self, name: str) -> None:
        with (self.home / f"{name}.out").open("ab") as out:
            self.parts[name] = subprocess.Popen(
                [sys.executable, "-m", "tradewind.scheduler"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )


@pytest.fixture
def db(postgres_server: PostgresServer, postgres_template: str) -> Iterator[Database]:
    name = postgres_server.create(postgres_template)
    opened = open_database(postgres_server.url(name))
    yield opened
    opened.close()
    postgres_server.drop(name)


@pytest.fixture
def system(tmp_path: Path, db: Database) -> Iterator[Pair]:
    home = tmp_path / "home"
    home.mkdir()
    made = Pair(home, db.engine.url.render_as_string(hide_password=False))
    try:
        yield made
    finally:
        made.stop()


def leader(db: Database, system: Pair) -> str | None:
    """Return the part that leads."""
    for row in rows(db, tables.lease):
        pid = row["holder"].split(":")[-2] if row["holder"] else ""
        for name in ("scheduler", "standby"):
            if str(system.parts[name].pid) == pid and system.parts[name].poll() is None:
                return name
    return None


def leads(db: Database, system: Pair, name: str) -> bool:
    return leader(db, system) == name


def other(name: str) -> str:
    return "standby" if name == "scheduler" else "scheduler"


def test_the_standby_goes_on_whatever_becomes_of_the_leader(system: Pair, db: Database) -> None:
    clock = SystemClock()
    first = until("somebody leads", partial(leader, db, system), 60, system)
    second = other(first)
    until("the DAG is visible", lambda: scheduling.latest_version(db, "many"), 60, system)
    trigger(db, Signal(db), clock, "many")

    def after(count: int) -> None:
        until("tasks start", partial(system.witness.has_starts, count), STUCK_S, system)

    after(TASKS // 5)
    os.kill(system.parts[first].pid, signal.SIGSTOP)
    until("the standby leads", partial(leads, db, system, second), TAKE_OVER_S, system)
    after(TASKS * 2 // 5)
    os.kill(system.parts[first].pid, signal.SIGCONT)
    after(TASKS * 3 // 5)
    assert leads(db, system, second), "who woke up does not lead"
    assert system.parts[first].poll() is None, "it stands by"

    system.parts[second].kill()
    system.parts[second].wait()
    until("the first leads again", partial(leads, db, system, first), TAKE_OVER_S, system)
    system.stand_by(second)
    after(TASKS * 4 // 5)

    began = clock.monotonic()
    system.parts[first].terminate()
    assert system.parts[first].wait(10) == 0
    # The lease was given back: nobody waits for its end.
    until("the standby leads", partial(leads, db, system, second), TAKE_OVER_S, system)
    assert clock.monotonic() - began < TAKE_OVER_S

    def ended() -> bool:
        return {row["state"] for row in rows(db, tables.dag_run)} <= {"success", "failed"}

    until("the run ends", ended, STUCK_S + TASKS * 0.2, system)
    check(system.witness, db, hit=0)
