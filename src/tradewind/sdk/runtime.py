"""The seam between user code and whatever runs it.

`sdk` knows no server. A process that runs user code installs a `Runtime` first: the worker's
speaks `wire`, `tradewind.testing`'s keeps everything in memory, the processor's answers reads
at parse time and records what was read.
"""

from __future__ import annotations

from typing import Any, Protocol

from tradewind.errors import Unavailable
from tradewind.wire.messages import Call


class Runtime(Protocol):
    """Answer the calls of user code."""

    def call(self, call: Call) -> dict[str, Any]:
        """Do one call and return the reply's body, as the call's docstring says.

        Raises:
            tradewind.errors.NotFound: there is no such variable, connection or DAG.
            tradewind.errors.AlreadyExists: the run exists already.
            tradewind.errors.Fenced: the attempt is no longer current.
            tradewind.errors.Unavailable: no server can be reached within the deadline.
        """
        ...

    def mask(self, secret: str) -> None:
        """Hide this value in the log from now on."""
        ...


_installed: Runtime | None = None


def install(runtime: Runtime | None) -> Runtime | None:
    """Install a runtime for this process and return the one before."""
    global _installed
    previous, _installed = _installed, runtime
    return previous


def current() -> Runtime | None:
    """Return the installed runtime; None in plain `python my_dag.py`."""
    return _installed


def call(request: Call) -> dict[str, Any]:
    """Do one call through the installed runtime and return the reply's body.

    Raises:
        Unavailable: no runtime is installed: the code runs outside Tradewind.
    """
    if _installed is None:
        what = type(request).__name__
        raise Unavailable(
            f"{what}: nothing answers here. It works while a task runs, while a DAG file is"
            " parsed, and in dag.test()"
        )
    return _installed.call(request)
