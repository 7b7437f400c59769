"""Run the web server as a process."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.store.connect import open_database
from tradewind.store.signal import Signal
from tradewind.web.app import build_app
from tradewind.web.health import Thresholds

log = logging.getLogger(__name__)

_GRACE_S = 1
"""How long open requests may take to end when the server is told to stop."""
_BACKLOG = 512


def listen(config: Config) -> socket.socket:
    """Return the listening socket.

    Raises:
        ConfigError: the port is taken, or the address is not the loopback.
    """
    host, port = config.api.host, config.api.port
    if not _is_loopback(host):
        raise ConfigError(
            f"api.host = {host!r} would let other machines in, and there is no log-in yet; "
            "use 127.0.0.1 (or a reverse proxy that asks who is there)"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what listens there, or "
            "choose another port with --port (0 takes a free one) or TRADEWIND__API__PORT"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Return the URL under which the server is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(config: Config, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` once requests are answered."""
    db = open_database(config.database.sql_alchemy_conn)
    thresholds = Thresholds(
        scheduler_s=config.scheduler.health_threshold_s,
        triggerer_s=config.triggerer.health_threshold_s,
        dag_processor_s=config.processor.health_threshold_s,
    )
    settings = uvicorn.Config(
        build_app(db, Signal(db), SystemClock(), thresholds),
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    _Server(settings, ready).run(sockets=[listener])
    db.close()


class _Server(uvicorn.Server):
    """A server that says when it has started."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._ready()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
