"""Which Airflow a DAG file was written for, where one spelling means different things.

Airflow 2 and 3 read some of the same text differently: `schedule="@daily"` (a data interval,
or a moment), `ti.xcom_pull(key="k")` (any task of the run, or the calling one), a run without a
logical date (never, or when somebody triggers it), `catchup` left out (yes, or no).

Which is meant is decided in this order:

1. the file says so: `# tradewind: airflow=2` (or 3), a line of its own near the top;
2. the deployment says so: the setting `core.airflow_semantics` is 2 or 3;
3. the file's own spelling: what only Airflow 1 and 2 had, Airflow 3 would refuse, so a file that
   uses it was written for those: `schedule_interval`, `execution_date`, `provide_context`,
   modules like `airflow.operators.bash_operator`;
4. Airflow 3.

Catching up is never a matter of spelling: years of runs that start because of an import cannot
be taken back, so that it takes the first or the second.

Spelling is looked for in the file's bytecode, so that comments say nothing and nothing is
imported for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Literal, NamedTuple

Airflow = Literal[2, 3]

_LINE = re.compile(rb"^#\s*tradewind:\s*airflow\s*=\s*([23])\b", re.MULTILINE)
_TOP = 2_000
"""Bytes of a file in which the line is looked for."""

_WORDS = frozenset(
    {
        "schedule_interval",
        "provide_context",
        "execution_date",
        "next_execution_date",
        "prev_execution_date",
        "task_concurrency",
        "default_view",
        "fail_stop",
    }
)
"""Names of arguments, parameters and context values that Airflow 3 does not have."""

_MODULE = re.compile(
    r"airflow\.(contrib|datasets|utils\.dates|utils\.db|operators\.(dummy|subdag|\w+_operator)|"
    r"sensors\.\w+_(sensor|operator)|hooks\.\w+_hook|operators\.sensors)\b"
)
_TEMPLATE = re.compile(
    r"\{[{%][^}]*\b((next|prev)_execution_date|execution_date|(next|prev|tomorrow|yesterday)_ds)"
)


class Meaning(NamedTuple):
    """What a file is taken to mean. said: by the file or the deployment, not by its spelling."""

    airflow: Airflow = 3
    said: bool = False


def spoken(source: bytes, code: CodeType | None) -> Meaning | None:
    """Return what a file tells about itself; None for nothing.

    Args:
        source: its text.
        code: its bytecode.
    """
    found = _LINE.search(source, 0, _TOP)
    if found is not None:
        return Meaning(2 if found[1] == b"2" else 3, said=True)
    if code is not None and any(_is_old(text) for text in _texts(code)):
        return Meaning(2)
    return None


@cache
def of_program(file: str) -> Meaning | None:
    """Return what a file tells that runs as a program (`python my_dag.py`), None for any other."""
    if file != getattr(sys.modules.get("__main__"), "__file__", None):
        return None
    try:
        source = Path(file).read_bytes()
        return spoken(source, compile(source, file, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError):
        return None


def meaning(file: Meaning | None, setting: str) -> Meaning:
    """Decide.

    Args:
        file: what the file tells about itself.
        setting: "2", "3" or "auto".
    """
    if file is not None and file.said:
        return file
    if setting in {"2", "3"}:
        return Meaning(2 if setting == "2" else 3, said=True)
    return file or Meaning()


def _is_old(text: str) -> bool:
    if text in _WORDS:
        return True
    if text.startswith("airflow."):
        return _MODULE.match(text) is not None
    return "{" in text and _TEMPLATE.search(text) is not None


def _texts(code: CodeType) -> Iterator[str]:
    """Yield names, parameters and constants of a code object and those in it."""
    yield from code.co_names
    yield from code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):  # names of keyword arguments, and tuples of texts
            yield from (part for part in constant if isinstance(part, str))
        elif isinstance(constant, CodeType):
            yield from _texts(constant)
