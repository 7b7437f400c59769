"""The whole system in real processes: started by its command, driven by its command line."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewind.clock import SystemClock

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

DAG_FILE = """
import os, time
from datetime import timedelta
from tradewind.sdk import DAG, BashOperator, task

WITNESS = os.environ["WITNESS"]

def witness(name):
    fd = os.open(WITNESS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{name} {os.getpid()}\\n".encode())
    os.close(fd)

with DAG("small"):
    @task
    def numbers():
        return [1, 2, 3]

    @task
    def double(x):
        witness(f"double-{x}")
        return 2 * x

    @task
    def total(xs):
        print("the total is", sum(xs))
        return sum(xs)

    BashOperator(task_id="bash", bash_command="echo {{ dag.dag_id }}") >> total(
        double.expand(x=numbers())
    )

with DAG("wide", max_active_tasks=64):
    for i in range(40):
        @task(task_id=f"w{i}", retries=3, retry_delay=timedelta(seconds=0))
        def work(i=i):
            witness(f"w{i}")
            time.sleep(0.05)

        work()

with DAG("held"):
    @task(retries=1, retry_delay=timedelta(seconds=0))
    def held(ti=None):
        witness("held")
        if ti.try_number == 1:
            open(os.environ["HOLD"]).read()  # a FIFO that nobody writes to

    held()

with DAG("failing"):
    @task
    def fails():
        raise ValueError("as told")

    fails()
"""


class System:
    """A running `tradewind standalone`."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.home = home
        self.witness = home / "witness"
        (home / "dags").mkdir(parents=True, exist_ok=True)
        self.witness.touch()
        os.mkfifo(home / "hold")
        self.env = {
            **os.environ,
            "TRADEWIND_HOME": str(home),
            "WITNESS": str(self.witness),
            "HOLD": str(home / "hold"),
            "TRADEWIND__SCHEDULER__LEASE_S": "2",
            "TRADEWIND__SCHEDULER__HEARTBEAT_S": "0.5",
            "TRADEWIND__SCHEDULER__RESUBMIT_S": "1",
            "TRADEWIND__SCHEDULER__RECONCILE_S": "0.5",
        }
        if url is not None:
            self.env["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"] = url
        (home / "dags" / "small.py").write_text(DAG_FILE, encoding="utf-8")
        self.clock = SystemClock()
        with (home / "stderr").open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tradewind.cli", "standalone", "--port", "0"],
                env=self.env,
                stdout=stderr,
                stderr=stderr,
            )

    def cli(self, *args: str) -> Any:
        """Run a command and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "tradewind.cli", *args, "-o", "json"],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        # Also of a command that fails its check: `list-import-errors` ends with 1 and its list.
        return json.loads(done.stdout) if done.stdout else None

    def until(self, what: str, check: Callable[[], Any], timeout_s: float = 60) -> Any:
        """Wait until something holds; each check runs a command, which is pause enough."""
        deadline = self.clock.monotonic() + timeout_s
        while self.clock.monotonic() < deadline:
            found = check()
            if found:
                return found
        stderr = (self.home / "stderr").read_text(encoding="utf-8")[-4000:]
        raise AssertionError(f"not within {timeout_s} s: {what}\n{stderr}")

    def run(self, dag_id: str) -> tuple[str, str]:
        """Trigger a DAG and return its run's id and final state."""
        run_id = self.cli("dags", "trigger", dag_id)[0]["run_id"]
        return run_id, self.ended(dag_id, run_id)

    def ended(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run."""

        def check() -> str | None:
            runs = {r["run_id"]: r["state"] for r in self.cli("dags", "list-runs", dag_id) or []}
            state = runs.get(run_id)
            return state if state in {"success", "failed"} else None

        return str(self.until(f"{dag_id} {run_id} ends", check))

    def pid_of(self, part: str) -> int:
        """Return a part's process: a child of the launcher, by its command's log."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        order = [int(p) for p in children.read_text(encoding="ascii").split()]
        return order[("worker", "scheduler", "processor", "web").index(part)]

    def stop(self) -> int:
        """Stop it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@pytest.fixture
def system(tmp_path: Path, database_url: str) -> Iterator[System]:
    made = System(tmp_path / "home", database_url)
    try:
        dags = lambda: len(made.cli("dags", "list") or []) == 4  # noqa: E731
        made.until("four DAGs are visible", dags)
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


def test_a_dag_runs_end_to_end(system: System) -> None:
    run_id, state = system.run("small")
    assert state == "success"
    states = system.cli("tasks", "states-for-dag-run", "small", run_id)
    ended = {(t["task_id"], t["map_index"]): t["state"] for t in states}
    assert ended[("double", 2)] == ended[("total", -1)] == ended[("bash", -1)] == "success"
    log = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "tasks", "logs", "small", run_id, "total"],
        env=system.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the total is 12" in log.stdout
    lines = system.witness.read_text(encoding="utf-8").split("\n")
    assert len({line.split()[1] for line in lines if line}) == 3, "a process for each attempt"
    _, failed = system.run("failing")
    assert failed == "failed"
    system.process.terminate()
    # Well under a second on a machine of one's own. Somebody who waited for a drain's or a
    # part's grace would need 30 s and more.
    assert system.process.wait(timeout=15) == 0


@pytest.mark.parametrize("part", ["scheduler", "worker", "processor"])
def test_kill_9_in_the_middle_loses_nothing(system: System, part: str) -> None:
    run_id = system.cli("dags", "trigger", "wide")[0]["run_id"]

    def started() -> int:
        return len(system.witness.read_text(encoding="utf-8").splitlines())

    with selectors.DefaultSelector() as pause:
        deadline = system.clock.monotonic() + 20
        while started() < 5 and system.clock.monotonic() < deadline:
            pause.select(0.01)
    os.kill(system.pid_of(part), signal.SIGKILL)
    assert system.ended("wide", run_id) == "success"
    states = system.cli("tasks", "states-for-dag-run", "wide", run_id)
    assert {t["state"] for t in states} == {"success"}
    extra = started() - len(states) - sum(t["try_number"] - 1 for t in states)
    assert extra <= 0, "nothing is started twice for one try"


def test_a_killed_task_is_tried_again_and_its_log_says_why(system: System) -> None:
    run_id = system.cli("dags", "trigger", "held")[0]["run_id"]
    first = system.until("the task runs", lambda: system.witness.read_text(encoding="utf-8"))
    os.kill(int(first.split()[1]), signal.SIGKILL)
    assert system.ended("held", run_id) == "success"
    (state,) = system.cli("tasks", "states-for-dag-run", "held", run_id)
    assert state["try_number"] == 2
    log = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "tasks", "logs", "held", run_id, "held"],
        env=system.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SIGKILL" in log.stdout


def test_bad_input_names_the_thing_and_the_fix(system: System) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "dags", "trigger", "nothere"],
        env=system.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "nothere" in done.stderr
    (system.home / "dags" / "broken.py").write_text(
        "from tradewind.sdk import DAG\nimport dag_that_is_not\n", encoding="utf-8"
    )
    errors = system.until(
        "the import error is shown", lambda: system.cli("dags", "list-import-errors")
    )
    assert "dag_that_is_not" in errors[0]["error"]
    second = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "standalone"],
        env=system.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "another `tradewind standalone`" in second.stderr
