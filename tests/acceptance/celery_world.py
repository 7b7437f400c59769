"""Real brokers, the real executor and real consumers; the supervisors are played.

What a worker does with a ticket is not the matter here; that tickets arrive is, whatever the
broker does. The dispatcher offers what has not arrived again, as the scheduler does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from tests.brokers import Broker
from tradewind.clock import SystemClock
from tradewind.config import Config, load_config
from tradewind.executors.base import Fact
from tradewind.executors.celery.app import BrokerConnection, make_app
from tradewind.executors.celery.executor import CeleryExecutor, build
from tradewind.executors.celery.settings import broker_of, transport_options
from tradewind.executors.local import Supervisors
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Assignment, CancelAttempt, Launch, RunInfo

ROOT = Path(__file__).parents[2]
PATIENCE_S = 45.0
RESUBMIT_S = 2.0
NOW = datetime(2026, 1, 2, tzinfo=UTC)

T = TypeVar("T")


class Consumer:
    """A consumer's process, beside its played supervisor."""

    def __init__(self, home: Path, name: str, env: dict[str, str], queues: Sequence[str]) -> None:
        self.folder = home / name
        self.name = f"{name}@test"
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.acceptance.celery_consumer"),
                    *(str(self.folder), self.name, *queues),
                ],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def lines(self, name: str) -> list[str]:
        """Return the attempts that a file of the played supervisor names."""
        try:
            text = (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [line.split()[0] for line in text.splitlines()]

    @property
    def supervisor_pid(self) -> int:
        return int((self.folder / "supervisor.pid").read_text())

    def hold(self) -> None:
        """Let no attempt end."""
        (self.folder / "hold").touch()

    def let_go(self) -> None:
        """Let attempts end."""
        (self.folder / "hold").unlink()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(self.supervisor_pid, signal.SIGKILL)


class Town:
    """One scheduler's side and any number of consumers."""

    def __init__(self, home: Path, broker_url: str, database_url: str, **settings: str) -> None:
        self.home = home
        self.queue = f"q{uuid.uuid4().hex[:8]}"
        """Its own: the broker is one for many tests."""
        self.env = {
            **os.environ,
            "TRADEWIND_HOME": str(home),
            "TRADEWIND__CELERY__BROKER_URL": broker_url,
            "TRADEWIND__CELERY__DEFAULT_QUEUE": self.queue,
            "TRADEWIND__CELERY__OPERATION_TIMEOUT": "2",
            "TRADEWIND__CELERY__STALL_S": "10",
            "TRADEWIND__CELERY__WORKER_CONCURRENCY": "4",
            "TRADEWIND__WORKERS__DRAIN_S": "5",
            "TRADEWIND__WORKERS__KILL_GRACE_S": "1",
            "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": database_url,
            **settings,
        }
        self.clock = SystemClock()
        self.executor = self._executor(self.config)
        self.executor.__enter__()
        self.consumers: list[Consumer] = []
        self._sent_at: dict[AttemptId, float] = {}
        self._launches: dict[AttemptId, Launch] = {}

    @property
    def config(self) -> Config:
        return load_config(self.env)

    def _executor(self, config: Config) -> CeleryExecutor:
        return build(config, _NoSupervisors(), lambda: None)

    def consumer(self, name: str, *queues: str, ready: bool = True) -> Consumer:
        made = Consumer(self.home, name, self.env, queues)
        self.consumers.append(made)
        if ready:
            self.ready(made)
        return made

    def ready(self, consumer: Consumer) -> None:
        def look() -> bool:
            assert consumer.process.poll() is None, consumer.output()
            return "takes tasks from" in consumer.output()

        self.until("the consumer takes tasks", look)

    def until(self, what: str, look: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
        deadline = self.clock.monotonic() + patience_s
        with selectors.DefaultSelector() as pause:
            while not (found := look()):
                if self.clock.monotonic() > deadline:
                    outputs = "\n".join(c.output()[-3000:] for c in self.consumers)
                    raise AssertionError(f"not within {patience_s} s: {what}\n{outputs}")
                pause.select(0.02)
        return found

    def submit(self, count: int = 1, *, queue: str | None = None, priority: int = 1) -> list[str]:
        launches = [_launch(queue, priority) for _ in range(count)]
        for launch in launches:
            self._launches[launch.attempt_id] = launch
            self._sent_at[launch.attempt_id] = self.clock.monotonic()
        self.executor.submit(launches)
        return [launch.attempt_id for launch in launches]

    def arrived(self) -> list[str]:
        """Return every ticket that reached a supervisor, copies too."""
        return [name for consumer in self.consumers for name in consumer.lines("tickets")]

    def facts(self) -> list[Fact]:
        return list(self.executor.reconcile(set(self._launches)))

    def until_arrived(self, names: Sequence[str], patience_s: float = PATIENCE_S) -> None:
        """Offer what has not arrived again until all have."""

        def look() -> bool:
            missing = [AttemptId(n) for n in set(names) - set(self.arrived())]
            now = self.clock.monotonic()
            late = [n for n in missing if now - self._sent_at[n] >= RESUBMIT_S]
            if late:
                self.facts()
                self._sent_at |= dict.fromkeys(late, now)
                self.executor.submit([self._launches[n] for n in late])
            return not missing

        self.until("every attempt arrives", look, patience_s)

    def executor_id(self, name: str) -> AttemptId:
        return self._launches[AttemptId(name)].attempt_id

    def depth(self, url: str | None = None) -> int:
        """Return how many messages wait in the broker."""
        conf = (
            self.config
            if url is None
            else load_config({**self.env, "TRADEWIND__CELERY__BROKER_URL": url})
        )
        connection = BrokerConnection(make_app(conf), transport_options(broker_of(conf), 5.0))
        connection.open()
        try:
            return connection.depth(self.queue)[0]
        finally:
            connection.close()

    def until_sent(self, names: Sequence[str]) -> None:
        self.until("they are in the broker", lambda: self.depth() >= len(names))

    def trouble(self) -> bool:
        """Tell whether the executor knows that the broker does not answer."""
        return any("cannot be reached" in fact.reason for fact in self.facts())

    def close(self) -> None:
        self.executor.__exit__(None, None, None)
        for consumer in self.consumers:
            consumer.stop()


class _NoSupervisors(Supervisors):
    def send(self, peer_id: str, message: Launch | CancelAttempt) -> bool:
        return False


@contextlib.contextmanager
def town(home: Path, broker: Broker | str, database_url: str, **settings: str) -> Iterator[Town]:
    url = broker if isinstance(broker, str) else broker.url
    made = Town(home, url, database_url, **settings)
    try:
        yield made
    finally:
        made.close()


def _launch(queue: str | None, priority: int) -> Launch:
    attempt_id = AttemptId(uuid.uuid4().hex)
    assignment = Assignment(
        attempt_id=attempt_id,
        fence=1,
        try_number=1,
        max_tries=0,
        dag_file="d.py",
        source_hash="s",
        task_id="t",
        run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
    )
    return Launch(
        attempt_id=attempt_id,
        claim_token=f"token-of-{attempt_id}",
        assignment=assignment,
        executor="CeleryExecutor",
        queue=queue,
        priority=priority,
    )
