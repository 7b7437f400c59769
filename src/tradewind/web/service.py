"""Run the HTTP server as a process."""

from __future__ import annotations

import socket

import uvicorn

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.store.connect import open_database
from tradewind.store.signal import Signal
from tradewind.web.app import make_app

_GRACE_S = 2


def serve(config: Config, listener: socket.socket) -> None:
    """Serve on a socket that listens already, until SIGTERM or SIGINT."""
    db = open_database(config.database.sql_alchemy_conn)
    app = make_app(config, db, Signal(db), SystemClock())
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    try:
        uvicorn.Server(settings).run(sockets=[listener])
    finally:
        db.close()
