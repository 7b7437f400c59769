"""Run the HTTP server as a process."""

from __future__ import annotations

import socket

import uvicorn

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.store.connect import open_database
from tradewind.store.signal import Signal
from tradewind.web.app import make_app


def serve(config: Config, listener: socket.socket) -> None:
    """Serve on a socket that listens already, until SIGTERM or SIGINT."""
    db = open_database(config.database.sql_alchemy_conn)
    app = make_app(db, Signal(db), SystemClock())
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    try:
        uvicorn.Server(settings).run(sockets=[listener])
    finally:
        db.close()
