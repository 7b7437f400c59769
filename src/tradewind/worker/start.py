"""Fork the zygote from the supervisor.

Apart from `zygote.py`, because the supervisor must stay free of what the zygote imports.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import traceback

from tradewind import kernel


def start_zygote(userland: str, name: str) -> tuple[int, socket.socket]:
    """Fork the zygote.

    Args:
        userland: the module that loads DAG files and runs tasks (`tradewind.worker.userland`).
        name: of the process and all that it forks, by which the next worker finds what is left.

    Returns:
        its process id and the socket to ask it for file hosts.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        ours.setblocking(False)  # noqa: FBT003  the stdlib's signature
        return pid, ours
    try:
        kernel.close_all_but([theirs.fileno()])
        kernel.set_name(name)
        kernel.usual_files()
        os.setsid()
        signal.set_wakeup_fd(-1)
        # Its life is tied to the supervisor's socket alone: a signal to the whole group of
        # processes must not take the attempts away while the supervisor drains.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        importlib.import_module("tradewind.worker.zygote").main(theirs, userland)
    except BaseException:  # noqa: BLE001  the last frame of a process
        traceback.print_exc()
    finally:
        os._exit(1)
