"""A server with a busy installation, for tests and for pictures."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import uvicorn
from starlette.applications import Starlette

from tests.ui import seed
from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.store.connect import Database, open_database
from tradewind.store.migrate import migrate
from tradewind.store.signal import Signal
from tradewind.web.app import make_app

LARGE = "thousand_tasks"
HOSTILE = '"><img src=x onerror=hit()>'
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Site(msgspec.Struct, frozen=True):
    """The server, its database and its logs."""

    url: str
    db: Database
    logs: Path
    seeder: seed.Seeder

    def run_of(self, dag_id: str, state: str) -> tuple[str, str]:
        """Return the id of a run in a state, and of a task that is in it too."""
        wanted = {"failed": "failed", "running": "running", "success": "success"}[state]
        with self.db.read() as conn:
            row = conn.exec_driver_sql(
                "SELECT run_id, task_id FROM dag_run JOIN task_instance USING (run_pk)"
                " WHERE dag_id = ? AND dag_run.state = ? AND task_instance.state = ?"
                " AND map_index < 0 ORDER BY run_after DESC LIMIT 1",
                (dag_id, state, wanted),
            ).one()
        return row[0], row[1]

    def path(self, *parts: str) -> str:
        """Return an address below /dags."""
        return self.url + "/dags/" + "/".join(quote(part, safe="") for part in parts)


def find_chromium() -> str | None:
    """Return the path of a browser."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


@contextlib.contextmanager
def serve(home: Path, dags: int, *, hostile: bool = True) -> Iterator[Site]:
    """Serve a busy installation; with hostile texts in it unless it is for pictures."""
    config = load_config({"TRADEWIND_HOME": str(home), "TRADEWIND__API__TRUST_LOOPBACK": "true"})
    logs = config.logging.base_log_folder
    logs.mkdir(parents=True, exist_ok=True)
    db = open_database(config.database.sql_alchemy_conn)
    migrate(db, 128)
    seeder = seed.busy(db, logs, dags=dags, now=datetime.now(UTC))
    seeder.repeated(seed.wide(LARGE, 1000), runs=100, every=timedelta(hours=1))
    seed.questions(seeder)
    if hostile:
        seed.hostile(seeder, HOSTILE)
    listener = socket.create_server(("127.0.0.1", 0))
    with running(make_app(config, db, Signal(db), SystemClock()), listener) as url:
        yield Site(url, db, logs, seeder)
    db.close()


@contextlib.contextmanager
def running(app: Starlette, listener: socket.socket) -> Iterator[str]:
    """Serve an application on a socket; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()
