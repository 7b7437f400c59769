"""Do something once in a child process: what it imports and leaves behind is not kept.

What the launcher holds is shared by every part that is forked from it, and counts for as long
as they run; what only a migration needs ends with the child that did it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

import msgspec

from tradewind.errors import Bug, ConfigError, TradewindError


class _Outcome(msgspec.Struct):
    result: str | None = None
    refused: str | None = None
    """An error for the operator."""
    broken: str | None = None
    """An error that is nobody's but ours, with its traceback."""


def aside(run: Callable[[], str | None]) -> str | None:
    """Call a function in a forked child and return its result.

    This process must have one thread, and no connection open that `run` uses.

    Raises:
        ConfigError: the message of the TradewindError that `run` raised.
        Bug: it raised something else, or the child was killed.
    """
    answer, question = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(answer)
            with os.fdopen(question, "wb") as file:
                file.write(msgspec.json.encode(_attempt(run)))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(question)
    with os.fdopen(answer, "rb") as file:
        told = file.read()
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise Bug(f"the process that was to {run.__name__} ended with status {status}")
    outcome = msgspec.json.decode(told, type=_Outcome)
    if outcome.broken is not None:
        raise Bug(outcome.broken)
    if outcome.refused is not None:
        raise ConfigError(outcome.refused)
    return outcome.result


def _attempt(run: Callable[[], str | None]) -> _Outcome:
    try:
        return _Outcome(result=run())
    except TradewindError as error:
        return _Outcome(refused=str(error))
    except Exception:  # noqa: BLE001  told to the process that waits
        return _Outcome(broken=traceback.format_exc())
