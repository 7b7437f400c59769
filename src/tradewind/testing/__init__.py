"""Run and test DAGs without a server.

    from tradewind.testing import FakeClock, run_dag

    run = run_dag(my_dag, run_conf={"n": 3}, clock=FakeClock())
    assert run.state == "success"
    assert run.xcom("total") == 6

`dag.test()` is the same. A name's module is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.testing.clock import FakeClock
    from tradewind.testing.rundag import run_dag
    from tradewind.testing.runs import FinishedRun, FinishedTask
    from tradewind.testing.store import MemoryStore

__all__ = ["FakeClock", "FinishedRun", "FinishedTask", "MemoryStore", "run_dag"]

_MODULES = {
    "FakeClock": "clock",
    "FinishedRun": "runs",
    "FinishedTask": "runs",
    "MemoryStore": "store",
    "run_dag": "rundag",
}


def __getattr__(name: str) -> Any:
    """Import the module that has this name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
