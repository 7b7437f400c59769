"""A worker stands still with everything that it runs, for longer than the lease, and wakes up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.acceptance.deployment import Deployment
from tests.acceptance.worker_world import descendants
from tradewind.store import tables

LEASE_S = 3.0

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

DAG_FILE = """
import json, os, time
from datetime import timedelta
from pathlib import Path
from tradewind.sdk import DAG, task

NOTES = Path(os.environ["NOTES"])

with DAG("slow"):
    @task(retries=1, retry_delay=timedelta(seconds=0))
    def work(ti=None):
        with (NOTES / "starts").open("a") as file:
            file.write(json.dumps(ti.try_number) + "\\n")
        while not (NOTES / "go").exists():
            time.sleep(0.02)
        return ti.try_number

    work()
"""


@pytest.fixture
def system(tmp_path: Path, sqlite_url: str) -> Iterator[Deployment]:
    made = Deployment(
        tmp_path / "home",
        sqlite_url,
        DAG_FILE,
        TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=str(LEASE_S),
        TRADEWIND__WORKERS__KILL_GRACE_S="1",
    )
    try:
        made.ready("slow")
        yield made
    finally:
        made.stop()


def worker_of(system: Deployment) -> int:
    """Return the supervisor; the processes that it forked have its command line, too."""
    (found,) = (
        pid
        for pid in descendants(system.process.pid)
        if b"tradewind.worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        and parent_of(pid) == system.process.pid
    )
    return found


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[1])


def test_what_it_ran_is_tried_again_and_its_late_outcome_refused(system: Deployment) -> None:
    run = system.trigger("slow")
    system.until("the task runs", lambda: system.note("starts") == [1])
    worker = worker_of(system)
    frozen = [worker, *descendants(worker)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    ti = system.state(run, "work", "queued", "scheduled", "up_for_retry")
    assert ti.reason is None or f"for {LEASE_S:g} s" in ti.reason
    # It would succeed now, if anybody let it.
    (system.notes / "go").touch()
    for pid in reversed(frozen):
        os.kill(pid, signal.SIGCONT)
    assert system.ended(run) == "success"
    assert system.note("starts") == [1, 2]
    assert system.xcom(run, "work") == 2
    table = tables.attempt
    with system.db.read() as conn:
        states = list(conn.execute(select(table.c.state).order_by(table.c.fence)).scalars())
    assert states == ["lost", "done"]
