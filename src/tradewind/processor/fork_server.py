"""`python -m tradewind.processor.fork_server FD`: fork a process for each DAG file to import.

A program of its own, started (not forked) by the processor, so that nothing the processor
knows (keys, database connections) is in its memory or environment. It imports the framework
once, never a user's file, and has one thread, so that forking is cheap and safe.

Two forks for each job. The first, the *guard*, leads a new session and only waits for the
second, the *child*, which imports the file. `os.kill(os.getppid(), 9)` therefore hits nobody
but the guard; the child dies with its guard (PR_SET_PDEATHSIG). What a child leaves behind is
killed: its process group, and whatever was adopted by this process (PR_SET_CHILD_SUBREAPER).

When the processor goes away the control socket ends, and everything here is killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from typing import NoReturn

import msgspec

from tradewind import kernel
from tradewind.clock import Clock, SystemClock
from tradewind.processor import child
from tradewind.processor.protocol import Ended, FromForkServer, Kill, Ready, Start, to_fork_server
from tradewind.processor.protocol import encoder as packets

_MAX_PACKET = 64 * 1024
_STACK_S = 0.3
"""From asking a child that hangs for its stack to killing it."""
_SWEEPS = 200
"""A fork bomb is swept this often; each sweep kills all that exist at that moment."""


class ForkServer:
    """Fork, wait and kill, as told over the control socket."""

    def __init__(self, control: socket.socket, clock: Clock) -> None:
        self._control = control
        self._clock = clock
        self._guards: dict[int, int] = {}
        """Job id by the guard's process id."""
        self._kill_at: dict[int, float] = {}
        """When to kill a guard's group."""
        self._woken, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the processor goes away."""
        for end in (self._woken, self._waker):
            end.setblocking(False)  # noqa: FBT003  the stdlib's signature
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._send(Ready())
        open_ = True
        while open_:
            for key, _ in self._selector.select(self._timeout_s()):
                if key.fileobj is self._control:
                    open_ = self._receive() and open_
                else:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
            self._kill_due()
            self._reap()
        for guard in list(self._guards):
            _kill_group(guard, signal.SIGKILL)
        self._sweep()

    def _timeout_s(self) -> float | None:
        if not self._kill_at:
            return None
        return max(0.0, min(self._kill_at.values()) - self._clock.monotonic())

    def _receive(self) -> bool:
        """Take one message; False when the processor is gone."""
        packet, fds, _, _ = socket.recv_fds(self._control, _MAX_PACKET, 2)
        if not packet:
            return False
        message = to_fork_server.decode(packet)
        if isinstance(message, Kill):
            self._kill(message)
        else:
            self._fork(message, fds)
            for fd in fds:
                os.close(fd)
        return True

    def _fork(self, start: Start, fds: list[int]) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            self._send(Ended(start.job_id, 1, 0))
            return
        if pid == 0:
            _guard(start, fds, server)
        self._guards[pid] = start.job_id

    def _kill(self, message: Kill) -> None:
        for guard, job_id in self._guards.items():
            if job_id == message.job_id:
                if message.show_stack:
                    os.kill(guard, signal.SIGUSR2)
                self._kill_at[guard] = self._clock.monotonic() + (
                    _STACK_S if message.show_stack else 0.0
                )

    def _kill_due(self) -> None:
        now = self._clock.monotonic()
        for guard in [g for g, at in self._kill_at.items() if at <= now]:
            del self._kill_at[guard]
            _kill_group(guard, signal.SIGKILL)

    def _reap(self) -> None:
        for pid, status in kernel.reap():
            job_id = self._guards.pop(pid, None)
            if job_id is None:
                continue
            self._kill_at.pop(pid, None)
            _kill_group(pid, signal.SIGKILL)
            self._sweep()
            code = os.waitstatus_to_exitcode(status)
            self._send(Ended(job_id, max(code, 0), max(-code, 0)))

    def _sweep(self) -> None:
        """Kill what children left behind and this process adopted."""
        for _ in range(_SWEEPS):
            strays = kernel.children() - self._guards.keys()
            if not strays:
                return
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in strays:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _send(self, message: FromForkServer) -> None:
        with contextlib.suppress(BrokenPipeError):  # the processor is gone: run() will see it
            self._control.send(packets.encode(message))


def _guard(start: Start, fds: list[int], server: int) -> NoReturn:
    """Fork the child, wait for it, and end as it ended."""
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        kernel.die_with_parent(server)
        guard = os.getpid()
        pid = os.fork()
        if pid == 0:
            kernel.die_with_parent(guard)
            child.run(start, channel=fds[0], output=fds[1])
        signal.signal(signal.SIGUSR2, lambda *_: os.kill(pid, signal.SIGUSR2))
        os.closerange(0, max(fds) + 1)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)
    finally:
        os._exit(1)


def _kill_group(leader: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signum)


def main() -> None:
    """Serve the processor at the other end of the descriptor in the arguments."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)  # noqa: FBT003
    kernel.adopt_orphans()
    child.warm_up()
    gc.collect()
    gc.freeze()
    try:
        ForkServer(control, SystemClock()).run()
    except msgspec.DecodeError as error:
        sys.exit(f"the processor sent something else than a job: {error}")


if __name__ == "__main__":
    main()
