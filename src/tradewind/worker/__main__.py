"""`python -m tradewind.worker`: the supervisor of this host."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from pathlib import Path

from tradewind.errors import ConfigError
from tradewind.log import add_options, set_up_as_told
from tradewind.wire.remote import frame, read_ticket
from tradewind.worker.service import serve
from tradewind.worker.settings import SupervisorSettings


def _tickets(options: argparse.Namespace) -> socket.socket | None:
    """Return where tickets come from.

    Raises:
        ConfigError: the file has no ticket in it.
    """
    if options.tickets_fd is not None:
        return socket.socket(fileno=options.tickets_fd)
    if options.ticket is None:
        return None
    ours, theirs = socket.socketpair()
    ours.sendall(frame(read_ticket(options.ticket)))
    ours.detach()  # stays open: its end would mean that no more tickets come
    return theirs


def main() -> None:
    """Run the supervisor until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.worker", description=__doc__)
    parser.add_argument("--socket", type=Path, help="the scheduler's socket, on its machine")
    parser.add_argument("--server", default="", help="URL of an API server, on another machine")
    parser.add_argument("--ticket", type=Path, help="with --server: run the attempt of this file")
    parser.add_argument("--tickets-fd", type=int, help="with --server: take tickets from a socket")
    parser.add_argument("--dags-folder", type=Path, required=True)
    parser.add_argument("--log-folder", type=Path, required=True)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--lease-s", type=float, default=60.0)
    parser.add_argument("--heartbeat-s", type=float, default=5.0)
    parser.add_argument("--kill-grace-s", type=float, default=10.0)
    parser.add_argument("--drain-s", type=float, default=30.0)
    parser.add_argument("--import-timeout-s", type=float, default=60.0)
    parser.add_argument("--idle-hosts", type=int, default=16)
    parser.add_argument("--idle-host-s", type=float, default=900.0)
    parser.add_argument("--log-limit-mib", type=int, default=0)
    parser.add_argument("--userland", default="tradewind.worker.usercode", help=argparse.SUPPRESS)
    add_options(parser)
    options = parser.parse_args()
    if bool(options.socket) == bool(options.server):
        parser.error("give either --socket or --server")
    set_up_as_told("worker", options)
    settings = SupervisorSettings(
        socket_path=options.socket,
        server=options.server,
        one_ticket=options.ticket is not None,
        dags_folder=options.dags_folder,
        log_folder=options.log_folder,
        state_dir=options.state_dir,
        lease_s=options.lease_s,
        heartbeat_s=options.heartbeat_s,
        kill_grace_s=options.kill_grace_s,
        drain_s=options.drain_s,
        import_timeout_s=options.import_timeout_s,
        idle_hosts=options.idle_hosts,
        idle_host_s=options.idle_host_s,
        log_limit_bytes=options.log_limit_mib << 20,
        userland=options.userland,
    )
    try:
        sys.exit(serve(settings, _tickets(options)))
    except ConfigError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400  the operator's to mend
        sys.exit(1)


if __name__ == "__main__":
    main()
