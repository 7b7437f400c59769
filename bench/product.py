"""The product under measurement: `tradewind standalone` on a home of its own.

Nothing is measured from inside: runs are triggered as the CLI does it, and read back from the
metadata database.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from tradewind.actions.trigger import trigger
from tradewind.clock import SystemClock
from tradewind.model.run import Run
from tradewind.model.state import TERMINAL_RUN_STATES
from tradewind.store.connect import Database, open_database
from tradewind.store.signal import Signal
from tradewind.store.tables import dag, dag_run, task_instance

DAGS = Path(__file__).parent / "dags"
TRADEWIND = Path(sys.executable).with_name("tradewind")

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
POLL_S = 0.02
"""How often the outside looks: rarely enough not to take the two cores from the product."""
HEALTH_POLL_S = 0.01
SETTLE_S = 1.0


class Failed(Exception):
    """The product did not do what was to be measured."""


class Product:
    """A running `tradewind standalone`.

    Args:
        url: the metadata database; None is SQLite in the home.
        dags: names of files in bench/dags to start with.
        settings: more settings, by environment variable.
    """

    def __init__(
        self,
        url: str | None = None,
        dags: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="tradewind-bench-"))
        self.dags_folder = self.home / "dags"
        self.witness = self.home / "witness"
        self.port = _free_port()
        self.url = url or f"sqlite:///{self.home / 'tradewind.db'}"
        self.env = _environment(self, settings or {})
        self.dags_folder.mkdir()
        for name in dags:
            shutil.copy(DAGS / f"{name}.py", self.dags_folder)
        self.clock = SystemClock()
        self.healthy_after_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._db: Database | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            print(self.tail(), file=sys.stderr)
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- start and stop -----------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it is healthy."""
        began = time.monotonic()
        with (self.home / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [str(TRADEWIND), "standalone"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() - began > START_LIMIT_S:
                raise Failed("tradewind standalone does not become healthy")
            time.sleep(HEALTH_POLL_S)
        self.healthy_after_s = time.monotonic() - began
        self._db = open_database(self.url)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._db is not None:
            self._db.close()
            self._db = None
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._process = None

    def healthy(self) -> bool:
        """Tell whether the health document says that DAGs are parsed and run."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/v2/monitor/health")
            document = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        parts = ("metadatabase", "scheduler", "dag_processor")
        return all(document.get(part, {}).get("status") == "healthy" for part in parts)

    def tail(self) -> str:
        """Return the end of its output."""
        return (self.home / "output.txt").read_text(errors="replace")[-4000:]

    # ---- DAGs and runs ------------------------------------------------------------------

    @property
    def db(self) -> Database:
        """Return the metadata database, opened from outside."""
        assert self._db is not None
        return self._db

    def until(
        self, done: Callable[[], bool], limit_s: float, what: str, poll_s: float = POLL_S
    ) -> float:
        """Wait for something and return how long it took, in seconds."""
        start = time.monotonic()
        while not done():
            if time.monotonic() - start > limit_s:
                raise Failed(f"{what} took longer than {limit_s:g} s")
            time.sleep(poll_s)
        return time.monotonic() - start

    def versions(self) -> dict[str, int]:
        """Return the latest version number of every DAG that can be seen."""
        query = select(dag.c.dag_id, dag.c.version_number).where(dag.c.active)
        with self.db.read() as conn:
            return {row.dag_id: row.version_number for row in conn.execute(query)}

    def await_dags(self, names: Sequence[str], limit_s: float = 60.0) -> float:
        """Wait until these DAGs can be seen."""
        wanted = set(names)
        return self.until(lambda: wanted <= self.versions().keys(), limit_s, "parsing")

    def trigger(self, dag_id: str) -> Run:
        """Trigger a run as the CLI does."""
        return trigger(self.db, Signal(self.db), self.clock, dag_id)

    def run(self, dag_id: str, limit_s: float = 120.0) -> float:
        """Trigger a run; return the seconds from the request to its end."""
        return self.run_all([dag_id], limit_s)

    def run_all(self, dag_ids: Sequence[str], limit_s: float = 120.0) -> float:
        """Trigger runs, all at once; return the seconds from the first request to the last end."""
        began = datetime.now(UTC)
        keys = [self.trigger(name).run_pk for name in dag_ids]
        finished = [str(state) for state in TERMINAL_RUN_STATES]
        query = select(dag_run.c.state, dag_run.c.ended_at).where(
            dag_run.c.run_pk.in_(keys), dag_run.c.state.in_(finished)
        )
        ends: list[datetime] = []

        def done() -> bool:
            with self.db.read() as conn:
                rows = conn.execute(query).all()
            if bad := [state for state, _ in rows if state != "success"]:
                raise Failed(f"{len(bad)} runs of {dag_ids[0]} … ended {bad[0]}")
            ends[:] = [ended for _, ended in rows]
            return len(rows) == len(keys)

        self.until(done, limit_s, f"the run of {dag_ids[0]}")
        return (max(ends) - began).total_seconds()

    def states(self) -> dict[str, int]:
        """Count the task instances by state."""
        with self.db.read() as conn:
            states = [row.state for row in conn.execute(select(task_instance.c.state))]
        return {state: states.count(state) for state in set(states)}


def _environment(product: Product, settings: Mapping[str, str]) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADEWIND_")}
    # Without it every start would compile what it imports.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **env,
        "TRADEWIND_HOME": str(product.home),
        "TRADEWIND__API__PORT": str(product.port),
        "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": product.url,
        "BENCH_WITNESS": str(product.witness),
        **settings,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
