"""A deployment whose tasks run on Celery workers: real broker, real API server, real workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.deployment import NOTE, Deployment
from tests.brokers import free_port

QUICK = {
    "TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "8",
    "TRADEWIND__WORKERS__KILL_GRACE_S": "1",
    "TRADEWIND__CELERY__WORKER_CONCURRENCY": "4",
    "TRADEWIND__CELERY__OPERATION_TIMEOUT": "2",
    "TRADEWIND__CELERY__STALL_S": "10",
}


class CeleryWorker:
    """`tradewind celery worker`: in a process group of its own, with a home of its own."""

    def __init__(self, deployment: Deployment, name: str, server: str, *words: str) -> None:
        self.name = name
        self.home = deployment.home / f"home-of-{name}"
        self.home.mkdir(exist_ok=True)
        self._deployment = deployment
        env = {
            **deployment.env,
            "TRADEWIND_HOME": str(self.home),
            "TRADEWIND__WORKERS__SERVER": server,
            # Neither the database nor the DAG folder is this machine's.
            "TRADEWIND__CELERY__RESULT_BACKEND": "db+postgresql+psycopg://"
            + deployment.env["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"].partition("://")[2],
        }
        del env["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"]
        with (self.home / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tradewind.cli", "celery", "worker"),
                    *("--celery-hostname", name, *words),
                ],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        return (self.home / "output").read_text(encoding="utf-8", errors="replace")

    def ready(self) -> None:
        def look() -> bool:
            assert self.process.poll() is None, self.output()
            return "takes tasks from" in self.output()

        self._deployment.until("the worker takes tasks", look)

    def signal_all(self, number: signal.Signals) -> None:
        """Signal everything that the worker is, attempts too."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pids(self) -> list[int]:
        """Return its processes, the consumer first: all that descend from it."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                    parents.setdefault(int(stat[1]), []).append(int(entry.name))
        found = [self.process.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def stop(self) -> None:
        if self.process.poll() is None:
            self.signal_all(signal.SIGKILL)
        self.process.wait()


class CeleryDeployment(Deployment):
    """A deployment with a broker and workers."""

    def __init__(self, home: Path, url: str, dag_file: str, **settings: str) -> None:
        self.port = free_port()
        self.workers: list[CeleryWorker] = []
        super().__init__(home, url, dag_file, **settings)

    def start(self) -> subprocess.Popen[bytes]:
        with (self.home / "output").open("ab") as output:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "tradewind.cli", "standalone"),
                    *("--port", str(self.port)),
                ],
                env=self.env,
                stdout=output,
                stderr=output,
            )

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker(self, name: str, *words: str, server: str = "", ready: bool = True) -> CeleryWorker:
        made = CeleryWorker(self, name, server or self.server, *words)
        self.workers.append(made)
        if ready:
            made.ready()
        return made

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()
        super().stop()


@contextlib.contextmanager
def celery_deployed(
    home: Path, url: str, broker_url: str, dag_file: str, *dag_ids: str, **settings: str
) -> Iterator[CeleryDeployment]:
    """Run a deployment whose DAG file defines these DAGs; no worker runs yet."""
    deployment = CeleryDeployment(
        home,
        url,
        NOTE + dag_file,
        **{
            **QUICK,
            "TRADEWIND__CORE__EXECUTOR": "CeleryExecutor,LocalExecutor",
            "TRADEWIND__CELERY__BROKER_URL": broker_url,
            **settings,
        },
    )
    try:
        deployment.ready(*dag_ids)
        yield deployment
    finally:
        deployment.stop()
