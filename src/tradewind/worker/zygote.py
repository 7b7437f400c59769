"""The process chain from the supervisor down: zygote, file hosts, attempts.

    supervisor ── zygote ── file host (one per DAG file version) ── attempt (one per launch)

The zygote imports the code that runs tasks, once, and forks a file host on request. A file
host imports its DAG file, once, and forks one process per attempt: a task starts in about the
time of a fork. Both stay single-threaded, which is what makes forking from them sound.

No process outlives who answers for it:
  * file hosts and attempts are killed by the kernel when their parent dies;
  * what an attempt leaves behind becomes a child of its file host (a "subreaper"), and is
    killed before the attempt's end is reported; in the same way the zygote kills what a file
    host leaves behind, and the supervisor what the zygote does;
  * the zygote notices the supervisor's death by the end of its socket, kills everything below
    and ends. The kernel does not kill it: then nobody would be left to find the orphans.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import socket
import traceback
from typing import cast

from tradewind import kernel
from tradewind.worker import inner, reaping
from tradewind.worker.filehost import FileHost
from tradewind.worker.rehearsal import rehearse
from tradewind.worker.userland import Userland


def main(requests: socket.socket, userland: str) -> None:
    """Be the zygote, in a process that was forked for it."""
    kernel.adopt_orphans()
    kernel.hide_memory()
    gc.disable()
    importlib.import_module("jinja2")  # a third of a second of every first task otherwise
    module = cast("Userland", importlib.import_module(userland))
    rehearse(module.warm_up(), module)
    gc.collect()
    # What is alive now is shared with every fork; keep the collector from touching it.
    gc.freeze()
    Zygote(requests, module).serve()


class Zygote:
    """Fork file hosts; kill what they leave behind."""

    def __init__(self, requests: socket.socket, userland: Userland) -> None:
        self._requests = requests
        self._userland = userland
        self._hosts: dict[int, int] = {}
        """pid → host id."""

    def serve(self) -> None:
        """Serve until the supervisor is gone, then kill everything below."""
        wake = reaping.wake_on_child_exit()
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == wake:
                        reaping.drain(wake)
                    elif not self._serve_one():
                        reaping.kill_tree()
                        os._exit(0)
                for pid, _ in kernel.reap():
                    self._hosts.pop(pid, None)
                reaping.kill_strangers(self._hosts.keys())

    def _serve_one(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._requests, inner.MAX_PACKET, 1)
        except ConnectionResetError:
            return False
        if not data:
            return False
        request = inner.unpack_to_zygote(data)
        if isinstance(request, inner.KillHost):
            for pid, host_id in self._hosts.items():
                if host_id == request.host_id:
                    os.kill(pid, signal.SIGKILL)
        else:
            self._fork(request, fds)
        return True

    def _fork(self, request: inner.OpenHost, fds: list[int]) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid:
            os.close(fds[0])
            self._hosts[pid] = request.host_id
            return
        try:
            kernel.die_with_parent(own)
            kernel.close_all_but(fds)
            FileHost(socket.socket(fileno=fds[0]), request, self._userland).serve()
            os._exit(0)
        except BaseException:  # noqa: BLE001  the last frame of a process
            traceback.print_exc()
        finally:
            os._exit(1)
