"""Import one DAG file in a process of its own, and send what came out.

Runs in a forked child of the fork server, under limits, with nothing to lose: it has no
database, no keys and no other file's data. Variables and connections are asked of the
processor. The child sends exactly one result and ends without running exit handlers.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import socket
import traceback
import warnings
from importlib import import_module
from typing import Any, NoReturn

import tradewind.sdk
from tradewind.clock import SystemClock
from tradewind.compat import airflow
from tradewind.errors import Unavailable
from tradewind.model.spec import DagSpec, encode_spec
from tradewind.processor.observe import Observer, load_fresh_sources
from tradewind.processor.protocol import (
    LENGTH,
    MAX_RESULT,
    Answer,
    Ask,
    FromChild,
    Limits,
    Mask,
    Parsed,
    Start,
    framed,
    to_child,
)
from tradewind.processor.rehearsal import rehearse
from tradewind.processor.report import describe
from tradewind.sdk import defaults, runtime
from tradewind.sdk.build import to_spec
from tradewind.sdk.dag_definition import DAG
from tradewind.sdk.loading import load_dag_file
from tradewind.wire.messages import Call
from tradewind.wire.replies import error_of

_MAX_FD = 1 << 16


def warm_up() -> None:
    """Import in the fork server what nearly every DAG file needs; no user code."""
    import_module("tradewind.sdk.plugins").declared()  # a look at all packages
    import_module("pendulum")  # Airflow's guides begin with it; a tenth of a second of each file
    for name in set(dir(tradewind.sdk)) - tradewind.sdk.SELDOM:
        try:
            getattr(tradewind.sdk, name)
        except Exception:  # noqa: BLE001  only the files that use this name are to fail
            traceback.print_exc()
    rehearse()


def run(start: Start, *, channel: int, output: int) -> NoReturn:
    """Do the job and end this process."""
    try:
        _settle_in(start.limits, channel, output)
        with socket.socket(fileno=3) as parent:
            link = _Link(parent)
            runtime.install(link)
            defaults.install(start.defaults)
            airflow.install()
            try:
                link.send(_parse(start))
            except MemoryError as error:  # writing the result down takes memory, too
                text = describe(error, start.dag_folder, start.limits.memory_bytes)
                link.send(Parsed(error=text))
        os._exit(0)
    finally:
        os._exit(1)


def _settle_in(limits: Limits, channel: int, output: int) -> None:
    """Leave nothing open but the output (1, 2) and the channel (3), and set the limits."""
    channel = os.dup2(channel, max(channel, output) + 10, inheritable=False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(channel, 3, inheritable=False)
    os.closerange(4, _MAX_FD)
    for signum in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGUSR2, file=2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    if limits.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))


def _parse(start: Start) -> Parsed:
    clock = SystemClock()
    started = clock.monotonic()
    folder, memory_bytes = start.dag_folder, start.limits.memory_bytes
    path = f"{folder}/{start.dag_file}"
    observer = Observer(folder)
    load_fresh_sources(folder, lambda: clock.now().timestamp())
    specs: list[DagSpec] = []
    errors: list[str] = []
    found: tuple[str, ...] = ()
    with warnings.catch_warnings():
        try:
            observer.start()
            loaded = load_dag_file(path, folder)
            observer.stop()
            found = tuple(loaded.warnings)
            for dag in loaded.dags.values():
                try:
                    specs.append(_spec(dag))
                except BaseException as error:  # noqa: BLE001  a user's property may raise anything
                    errors.append(describe(error, folder, memory_bytes))
        except BaseException as error:  # noqa: BLE001  sys.exit() too must not end us silently
            observer.stop()
            errors.append(describe(error, folder, memory_bytes))
    return Parsed(
        specs=tuple(specs),
        error="\n".join(errors) or None,
        warnings=found,
        seen=observer.seen(path),
        duration_s=clock.monotonic() - started,
    )


def _spec(dag: DAG) -> DagSpec:
    spec = to_spec(dag)
    encode_spec(spec)  # raises here, where the DAG can be named, when a value is no data
    return spec


class _Link:
    """The way to the processor; also the runtime of the code that is imported."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent

    def send(self, message: FromChild) -> None:
        """Send a message; a result that is too large becomes an error."""
        data = framed(message)
        if len(data) > MAX_RESULT:
            size, limit = len(data) >> 20, MAX_RESULT >> 20
            data = framed(
                Parsed(
                    error=f"the DAGs of this file take {size} MB as data, "
                    f"more than the {limit} MB that a file may have"
                )
            )
        self._parent.sendall(data)

    def call(self, call: Call) -> dict[str, Any]:
        """Ask the processor."""
        self.send(Ask(call))
        (length,) = LENGTH.unpack(self._receive(LENGTH.size))
        answer: Answer = to_child.decode(self._receive(length))
        if answer.error is not None:
            raise error_of(answer.error, answer.message)
        return answer.body

    def mask(self, secret: str) -> None:
        """Have the processor hide this value in what it shows."""
        with contextlib.suppress(OSError):
            self.send(Mask(secret))

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._parent.recv(size - len(data))
            if not part:
                raise Unavailable("the DAG processor went away while this file was imported")
            data += part
        return data
