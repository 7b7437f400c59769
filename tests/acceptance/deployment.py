"""A running `tradewind standalone` and the means to drive and watch it from a test.

The test talks to the database as the commands do (`actions`, `store`), so that it can look
often; what it looks at was done by real processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select

from tradewind.actions.clear import clear
from tradewind.actions.plan import plan
from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.engine.plan import Selection
from tradewind.model.run import Run, TaskInstance
from tradewind.sdk import serde
from tradewind.store import components, rows, tables
from tradewind.store.connect import open_database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal
from tradewind.wire import logs

T = TypeVar("T")

PATIENCE_S = 60.0
FAST = {
    "TRADEWIND__SCHEDULER__LEASE_S": "2",
    "TRADEWIND__SCHEDULER__HEARTBEAT_S": "0.5",
    "TRADEWIND__SCHEDULER__RESUBMIT_S": "1",
    "TRADEWIND__SCHEDULER__RECONCILE_S": "0.5",
    "TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "0.5",
    "TRADEWIND__TRIGGERER__LEASE_S": "2",
    "TRADEWIND__TRIGGERER__JOB_HEARTBEAT_SEC": "0.3",
    "TRADEWIND__TRIGGERER__BLOCKED_S": "1.5",
}
ENDED = ("success", "failed")


class Deployment:
    """A running `tradewind standalone` over its database and its folders."""

    def __init__(self, home: Path, url: str, dag_file: str, **settings: str) -> None:
        self.home = home
        self.dags = home / "dags"
        self.notes = home / "notes"
        self.logs = home / "logs"
        for folder in (self.dags, self.notes):
            folder.mkdir(parents=True)
        self.env = {
            **os.environ,
            **FAST,
            **settings,
            "TRADEWIND_HOME": str(home),
            "NOTES": str(self.notes),
            "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": url,
        }
        self.clock = SystemClock()
        self.db = open_database(url)
        self.signal = Signal(self.db)
        (self.dags / "dags.py").write_text(dag_file, encoding="utf-8")
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with (self.home / "output").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tradewind.cli", "standalone", "--port", "0"],
                env=self.env,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
        self.signal.close()
        self.db.close()

    # ---- waiting --------------------------------------------------------------------------

    def until(self, what: str, look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
        """Look every few milliseconds until there is something."""
        deadline = self.clock.monotonic() + patience_s
        with selectors.DefaultSelector() as pause:
            while not (found := look()):
                if self.clock.monotonic() > deadline:
                    output = (self.home / "output").read_text(encoding="utf-8")[-6000:]
                    raise AssertionError(f"not within {patience_s} s: {what}\n{output}")
                pause.select(0.02)
        return found

    def ready(self, *dag_ids: str) -> None:
        self.until(
            f"DAGs {dag_ids}",
            lambda: all(scheduling.latest_version(self.db, dag_id) for dag_id in dag_ids),
        )

    def state(self, run: Run, task_id: str, *states: str, map_index: int = -1) -> TaskInstance:
        """Wait until a task instance is in one of these states."""
        return self.until(
            f"{task_id} is {states}; all: {self.states(run)}",
            lambda: next(
                (
                    ti
                    for ti in self.instances(run)
                    if (ti.task_id, ti.map_index) == (task_id, map_index) and ti.state in states
                ),
                None,
            ),
        )

    def ended(self, run: Run, patience_s: float = PATIENCE_S) -> str:
        """Wait for the end of a run and return its state."""
        return self.until(
            f"the end of {run.dag_id} {run.run_id}; {self.states(run)}",
            lambda: state if (state := self.run(run.run_pk).state) in ENDED else None,
            patience_s,
        )

    # ---- what the database says -----------------------------------------------------------

    def run(self, run_pk: int) -> Run:
        found = scheduling.run(self.db, run_pk)
        assert found is not None
        return found

    def runs(self, dag_id: str) -> list[Run]:
        table = tables.dag_run
        statement = select(table).where(table.c.dag_id == dag_id).order_by(table.c.run_pk)
        with self.db.read() as conn:
            return [rows.to_run(row) for row in conn.execute(statement).mappings()]

    def instances(self, run: Run) -> list[TaskInstance]:
        found = scheduling.run_rows(self.db, run.run_pk)
        assert found is not None
        return found.instances

    def states(self, run: Run) -> dict[str, str]:
        return {
            ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": str(ti.state)
            for ti in self.instances(run)
            if ti.state != "removed"
        }

    def xcom(self, run: Run, task_id: str, key: str = "return_value") -> Any:
        table = tables.xcom
        statement = select(table.c.value).where(
            table.c.run_pk == run.run_pk, table.c.task_id == task_id, table.c.key == key
        )
        with self.db.read() as conn:
            return serde.loads(conn.execute(statement).scalar_one())

    def callbacks(self, run: Run) -> list[Mapping[str, Any]]:
        table = tables.callback
        statement = select(table).where(table.c.run_pk == run.run_pk).order_by(table.c.callback_id)
        with self.db.read() as conn:
            return [dict(row) for row in conn.execute(statement).mappings()]

    def lines(self, run: Run, task_id: str, map_index: int = -1) -> list[str]:
        """Return what the logs of a task instance say, all tries and callbacks."""
        folder = logs.instance_folder(self.logs, run.dag_id, run.run_id, task_id, map_index)
        found: list[str] = []
        for segment in logs.segments(folder):
            for line in logs.read(self.logs, segment.path).lines:
                parsed = logs.parse(line)
                found += [parsed.event, parsed.exc or ""]
        return found

    # ---- orders ---------------------------------------------------------------------------

    def trigger(self, dag_id: str, **options: Any) -> Run:
        return trigger(self.db, self.signal, self.clock, dag_id, **options)

    def clear(self, run: Run, *task_ids: str, downstream: bool = False) -> None:
        wanted = plan(self.db, run, Selection(task_ids=task_ids, downstream=downstream))
        clear(self.db, self.signal, self.clock, wanted)

    # ---- notes that user code leaves ------------------------------------------------------

    def note(self, name: str) -> list[Any]:
        """Return what user code noted under a name, in order."""
        try:
            text = (self.notes / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]

    # ---- processes ------------------------------------------------------------------------

    def pid_of(self, kind: str, *, but: int = 0) -> int:
        """Return the running supervisor or triggerer that connected last."""

        def look() -> int | None:
            output = (self.home / "output").read_text(encoding="utf-8")
            found = re.findall(rf"{kind} \w+ connected \(pid (\d+)\)", output)
            alive = [int(pid) for pid in found if _is_alive(int(pid))]
            return next((pid for pid in reversed(alive) if pid != but), None)

        return self.until(f"a {kind} connects", look)

    @contextlib.contextmanager
    def part(self, command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run one more part beside those of the deployment."""
        with (self.home / "more").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tradewind.cli", command],
                env=self.env,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)

    def pid_of_scheduler(self) -> int:
        """Return the process of the scheduler that leads."""
        found = components.latest(self.db, "scheduler")
        assert found is not None
        return found.pid


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


NOTE = '''
import json, os
from pathlib import Path

def note(name, value):
    """One write, so that lines of several processes do not mix."""
    path = Path(os.environ["NOTES"]) / name
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (json.dumps(value) + "\\n").encode())
    os.close(fd)
'''
"""The start of each DAG file here."""


@contextlib.contextmanager
def deployed(
    home: Path, url: str, dag_file: str, *dag_ids: str, **settings: str
) -> Iterator[Deployment]:
    """Run a deployment whose DAG file defines these DAGs."""
    deployment = Deployment(home, url, NOTE + dag_file, **settings)
    try:
        deployment.ready(*dag_ids)
        yield deployment
    finally:
        deployment.stop()
