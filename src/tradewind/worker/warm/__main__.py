"""`python -m tradewind.worker.warm OPTIONS -- WORKER OPTIONS`: the program of a warm pod.

It forks nothing of its own but the supervisor, which is started as a program with the options
after `--`, so that whatever opens connections here never is in the process that runs user code.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tradewind.clock import SystemClock
from tradewind.errors import ConfigError
from tradewind.log import add_options, set_up_as_told
from tradewind.wire.sealed import KEY_BYTES
from tradewind.worker import reaping
from tradewind.worker.handover import Supervisor
from tradewind.worker.warm.door import Door

log = logging.getLogger(__name__)


def main() -> None:
    """Serve until SIGTERM, or until nobody wants this pod any more."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.worker.warm", description=__doc__)
    parser.add_argument("--listen-host", required=True, help="the pod's own address")
    parser.add_argument("--listen-port", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--unheld-s", type=float, default=120.0, help="end when nobody calls")
    parser.add_argument("worker", nargs="+", help="options of `python -m tradewind.worker`")
    add_options(parser)
    options = parser.parse_args()
    set_up_as_told("worker", options)
    try:
        sys.exit(_serve(options))
    except ConfigError as error:
        log.error("%s", error)  # noqa: TRY400  the operator's to mend
        sys.exit(1)


def _serve(options: argparse.Namespace) -> int:
    key, listener = _key(options.key_file), _listener(options.listen_host, options.listen_port)
    stopping = False

    def stop(_signum: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    ours, theirs = socket.socketpair()
    wake = reaping.wake_on_child_exit()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    command = [sys.executable, "-m", "tradewind.worker", *options.worker]
    command += ["--tickets-fd", str(theirs.fileno())]
    supervisor = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    door = Door(listener, Supervisor(ours), key, SystemClock(), options.unheld_s)

    def drain() -> None:
        with contextlib.suppress(ProcessLookupError):
            supervisor.terminate()

    code = door.serve(wake, lambda: stopping, drain)
    ours.close()  # no more tickets come: the supervisor drains, if it lives
    supervisor.wait()
    return code


def _key(file: Path) -> bytes:
    try:
        key = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"the key of this pod cannot be read: {error}") from error
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{file} is no key: it has {len(key)} bytes, not {KEY_BYTES}")
    return key


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error}") from error


if __name__ == "__main__":
    main()
