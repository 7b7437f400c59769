"""Keep numeric libraries from starting threads in a file host, and let attempts have them.

OpenBLAS, OpenMP and MKL start their threads when they are loaded, as many as the environment
says. A process with threads cannot be forked soundly, so the import of a DAG file runs under a
limit of one; each attempt then sets the limit that would have held, in the environment (for
what it starts) and in the libraries that are loaded.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tradewind import kernel

_SETTERS = (
    ("openblas", "OPENBLAS_NUM_THREADS", "openblas_set_num_threads"),
    ("openblas", "OPENBLAS_NUM_THREADS", "openblas_set_num_threads64_"),
    ("openblas", "OPENBLAS_NUM_THREADS", "scipy_openblas_set_num_threads"),
    ("openblas", "OPENBLAS_NUM_THREADS", "scipy_openblas_set_num_threads64_"),
    ("omp", "OMP_NUM_THREADS", "omp_set_num_threads"),
    ("mkl_rt", "MKL_NUM_THREADS", "MKL_Set_Num_Threads"),
)
"""(part of the library's file name, the variable that limits it, the function that does)."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit libraries that are loaded meanwhile to one thread."""
    before = {name: os.environ.get(name) for name in kernel.NUMERIC_THREADS}
    os.environ.update(dict.fromkeys(kernel.NUMERIC_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is not None:
                os.environ[name] = value
            elif os.environ.get(name) == "1":
                del os.environ[name]


def limits() -> list[Callable[[], None]]:
    """Return what an attempt must call to have its threads; nothing when no library is loaded.

    Called once after the import, so that an attempt does not search.
    """
    found: list[Callable[[], None]] = []
    for path in _loaded_libraries():
        for part, variable, function in _SETTERS:
            if part not in path.rpartition("/")[2]:
                continue
            setter = getattr(ctypes.CDLL(path), function, None)
            if setter is not None:
                count = _threads(variable)
                found.append(lambda setter=setter, count=count: setter(ctypes.c_int(count)))  # type: ignore[misc]
    return found


def _loaded_libraries() -> set[str]:
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    paths = {line.partition("/")[2] for line in maps.splitlines() if ".so" in line}
    wanted = {part for part, _, _ in _SETTERS}
    return {f"/{p}" for p in paths if any(part in p.rpartition("/")[2] for part in wanted)}


def _threads(variable: str) -> int:
    value = os.environ.get(variable, os.environ.get("OMP_NUM_THREADS", ""))
    return int(value) if value.isdigit() and value != "0" else len(os.sched_getaffinity(0))
