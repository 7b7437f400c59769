"""Find out whether importing a file looks at the clock (or draws random numbers).

Only code that runs at import counts: the bodies of tasks run later. Which functions are tasks
is guessed (decorated with `task…`, or an operator's `execute` and `poke`); a wrong guess
costs an import every few minutes, or an edit that is seen a few minutes late.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

_CLOCK_CALLS = frozenset(
    {
        "ctime",
        "days_ago",
        "gmtime",
        "localtime",
        "monotonic",
        "now",
        "perf_counter",
        "randint",
        "random",
        "time",
        "time_ns",
        "today",
        "tomorrow",
        "utcnow",
        "uuid1",
        "uuid4",
        "yesterday",
    }
)
_MENTION = re.compile(rb"\b(?:" + "|".join(sorted(_CLOCK_CALLS)).encode() + rb")\s*\(")
_RUN_LATER = frozenset({"execute", "poke", "run", "on_kill"})
_TASK_DECORATORS = frozenset({"task", "setup", "teardown"})
_MAX_BYTES = 2 * 1024 * 1024


def reads_clock(path: str) -> bool:
    """Tell whether importing this file seems to look at the clock."""
    try:
        source = Path(path).read_bytes()[:_MAX_BYTES]
    except OSError:
        return False
    return mentions_clock(source)


def mentions_clock(source: bytes) -> bool:
    """Tell whether code that runs at import seems to look at the clock."""
    if not _MENTION.search(source):
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _runs_later(node):
            waiting.extend(node.decorator_list)
            waiting.extend(node.args.defaults)
            continue
        if isinstance(node, ast.Call) and _called(node.func) in _CLOCK_CALLS:
            return True
        waiting.extend(ast.iter_child_nodes(node))
    return False


def _runs_later(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return node.name in _RUN_LATER or any(_is_task(d) for d in node.decorator_list)


def _is_task(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    while isinstance(decorator, ast.Attribute):
        if decorator.attr in _TASK_DECORATORS:
            return True
        decorator = decorator.value
    return isinstance(decorator, ast.Name) and decorator.id in _TASK_DECORATORS


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
