"""Run the HTTP server as a process."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.store.connect import open_database
from tradewind.store.signal import Signal
from tradewind.web.app import make_app
from tradewind.web.log_archiving import copied_logs
from tradewind.web.metrics.pushing import pushing
from tradewind.web.site import Site

_GRACE_S = 1
"""How long open requests may take to end when the server is told to stop."""
_KEEP_ALIVE_S = 75
"""How long an idle connection stays open: a worker's host comes back to it."""
_BACKLOG = 512


def listen(config: Config) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.
    """
    host, port = config.api.host, config.api.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what listens there, or "
            "choose another port with --port (0 takes a free one) or TRADEWIND__API__PORT"
        ) from error
    # Connections inherit it. asyncio sets it only where a socket names its protocol, which these
    # do not; without it the second write of an answer waits 40 ms for a delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL under which the server is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(config: Config, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` once requests are answered."""
    db = open_database(config.database.sql_alchemy_conn)
    app = make_app(config, db, Signal(db), SystemClock())
    settings = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        server_header=False,
        date_header=False,  # `Limits` has it: uvicorn's needs a timer
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    site: Site = app.state.site
    try:
        with pushing(site, f"{socket.gethostname()}:{os.getpid()}"), copied_logs(site):
            _Server(settings, ready).run(sockets=[listener])
    finally:
        db.close()


class _Server(uvicorn.Server):
    """A server that says when it has started, and sleeps while there is nothing to do."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        """Wait to be told to stop: uvicorn's own loop looks ten times a second."""
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, from a signal handler."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)
