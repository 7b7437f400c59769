"""PostgreSQL goes down in the middle of work and comes back: everything resumes by itself.

The server is one of the test's own. It is ended as a crash would end it, several times, while
tasks run and triggers wait; no process of Tradewind is touched. A witness outside of the product
notes every start: nothing is lost, nothing runs twice, nobody has to be started again.
"""

from __future__ import annotations

import json
import re
import selectors
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment
from tests.servers import Missing, PrivateServer, open_private_server
from tradewind.clock import SystemClock
from tradewind.errors import Unavailable
from tradewind.store.connect import open_database
from tradewind.store.migrate import migrate
from tradewind.store.read import scheduling

TASKS = 16
DOWN_S = 1.5
HEALTH = "api/v2/monitor/health"
PATIENCE_S = 90.0

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres, pytest.mark.timeout(300)]

DAG_FILE = f"""
import json, os, time
from datetime import timedelta
from pathlib import Path
from tradewind.sdk import DAG, TimeDeltaSensor, task

def note(what):
    line = json.dumps([what, os.environ["TRADEWIND_ATTEMPT_ID"]]) + "\\n"
    fd = os.open(Path(os.environ["NOTES"]) / "starts", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, line.encode())
    os.close(fd)

with DAG("steady", max_active_tasks=4, dagrun_timeout=timedelta(hours=1)):
    @task(retries=0)
    def work(number):
        note(f"work {{number}}")
        time.sleep(0.4)
        return number

    @task(retries=0)
    def total(numbers):
        note("total")
        return sum(numbers)

    waits = TimeDeltaSensor(task_id="waits", delta=timedelta(seconds=5), deferrable=True, retries=0)
    total(work.expand(number=list(range({TASKS})))) >> waits
"""

LONG = """
import time
from pathlib import Path
from tradewind.sdk import DAG, task

with DAG("long"):
    @task(retries=0)
    def work(folder):
        (Path(folder) / "begun").touch()
        while not (Path(folder) / "go").exists():
            time.sleep(0.05)

    work({folder!r})
"""

LATER = """
from tradewind.sdk import DAG, task

with DAG("later"):
    @task
    def hello():
        return "there"

    hello()
"""


class Services(Deployment):
    """Each part a service of its own, as on several machines, none with a launcher above it."""

    PARTS = (
        ("scheduler",),
        ("dag-processor",),
        ("worker",),
        ("triggerer",),
        ("api-server", "--port", "0"),
    )

    def start(self) -> subprocess.Popen[bytes]:
        self.parts = []
        with (self.home / "output").open("ab") as output:
            for part in self.PARTS:
                command = [sys.executable, "-m", "tradewind.cli", *part]
                self.parts.append(
                    subprocess.Popen(command, env=self.env, stdout=output, stderr=output)
                )
        return self.parts[0]

    def stop(self) -> None:
        for part in self.parts:
            part.send_signal(signal.SIGTERM)
        for part in self.parts:
            part.wait(timeout=60)
        super().stop()


@pytest.fixture
def server() -> Iterator[PrivateServer]:
    try:
        made = open_private_server()
    except Missing as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture(params=[Deployment, Services], ids=["standalone", "services"])
def system(
    request: pytest.FixtureRequest, server: PrivateServer, tmp_path: Path
) -> Iterator[Deployment]:
    url = server.url(server.create())
    db = open_database(url)
    migrate(db)
    db.close()
    made: Deployment = request.param(tmp_path / "home", url, DAG_FILE)
    try:
        made.ready("steady")
        yield made
    finally:
        made.stop()


def pause(seconds: float) -> None:
    with selectors.DefaultSelector() as nothing:
        deadline = SystemClock().monotonic() + seconds
        while (left := deadline - SystemClock().monotonic()) > 0:
            nothing.select(left)


def has_starts(system: Deployment, count: int) -> bool:
    return len(system.note("starts")) >= count


def health(system: Deployment) -> str:
    """Return what the web server says of the database, "silent" when it does not answer."""
    output = (system.home / "output").read_text(encoding="utf-8")
    found = re.findall(r"http://[\w.]+:\d+", output)
    if not found:
        return "silent"
    try:
        with urllib.request.urlopen(f"{found[0]}/{HEALTH}", timeout=10) as answer:  # noqa: S310
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        said = json.load(error)
    except OSError:
        return "silent"
    return str(said["metadatabase"]["status"])


def test_an_outage_that_outlasts_the_lease_harms_nothing_that_runs(
    server: PrivateServer, tmp_path: Path
) -> None:
    url = server.url(server.create())
    db = open_database(url)
    migrate(db)
    db.close()
    lease_s = 3.0
    system = Deployment(
        tmp_path / "home",
        url,
        LONG.format(folder=str(tmp_path)),
        TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=str(lease_s),
        TRADEWIND__WORKERS__KILL_GRACE_S="1",
    )
    try:
        system.ready("long")
        run = system.trigger("long")
        system.until("the task runs", (tmp_path / "begun").exists)
        server.crash()
        pause(2 * lease_s)
        server.come_back()
        # Nobody was heard of for long; whoever leads gives everybody a lease to say something.
        system.until("good health", lambda: health(system) == "healthy", PATIENCE_S)
        pause(lease_s)
        (tmp_path / "go").touch()
        assert system.ended(run, PATIENCE_S) == "success"
        (ti,) = system.instances(run)
        assert ti.try_number == 1
    finally:
        system.stop()


def test_everything_resumes_by_itself(system: Deployment, server: PrivateServer) -> None:
    run = system.trigger("steady")
    for crashes, goal in enumerate((3, 9, TASKS + 1)):
        system.until("tasks start", partial(has_starts, system, goal), PATIENCE_S)
        server.crash()
        pause(DOWN_S)
        assert health(system) == "unhealthy"
        with pytest.raises(Unavailable):
            system.trigger("steady", run_id=f"refused{crashes}")
        if crashes == 1:
            (system.dags / "later.py").write_text(LATER, encoding="utf-8")
        server.come_back()
    assert system.ended(run, PATIENCE_S) == "success"
    starts = Counter(what for what, _ in system.note("starts"))
    assert set(starts.values()) == {1}, starts
    assert len(starts) == TASKS + 1
    assert {ti.try_number for ti in system.instances(run) if ti.state != "removed"} == {1}
    assert system.xcom(run, "total") == sum(range(TASKS))
    # What was written while the server was down is there, and runs.
    system.until("the new DAG", lambda: scheduling.latest_version(system.db, "later"), PATIENCE_S)
    assert system.ended(system.trigger("later"), PATIENCE_S) == "success"
    system.until("good health", lambda: health(system) == "healthy", PATIENCE_S)
    assert system.process.poll() is None
    for part in getattr(system, "parts", ()):
        assert part.poll() is None, part.args
