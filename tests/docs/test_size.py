"""Files under 600 lines, functions under 60, classes under 15 methods.

An exception stands in the tables below with its reason. An entry that is not needed any more
fails the test as well, so that the tables stay short.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "tradewind"

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_METHODS = 15

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
LARGE_CLASSES: dict[str, str] = {}


def modules() -> Iterator[tuple[str, ast.Module, int]]:
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield str(path.relative_to(SOURCE)), ast.parse(text), text.count("\n")


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of the function without its docstring: documentation is not size."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def methods(node: ast.ClassDef) -> int:
    """Count methods; properties and dunders are part of a value, not of its behaviour."""
    return sum(
        isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not part.name.startswith("__")
        and not part.decorator_list
        for part in node.body
    )


def check(found: dict[str, int], limit: int, allowed: dict[str, str]) -> None:
    over = {name: size for name, size in found.items() if size >= limit}
    assert not {n: s for n, s in over.items() if n not in allowed}
    assert not allowed.keys() - over.keys(), "these need no exception any more"


def test_files_are_short() -> None:
    check({name: lines for name, _, lines in modules()}, MAX_FILE_LINES, LONG_FILES)


def test_functions_are_short() -> None:
    found = {
        f"{name}::{node.name}": body_lines(node)
        for name, tree, _ in modules()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    check(found, MAX_FUNCTION_LINES, LONG_FUNCTIONS)


def test_classes_are_small() -> None:
    found = {
        f"{name}::{node.name}": methods(node)
        for name, tree, _ in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    check(found, MAX_METHODS, LARGE_CLASSES)
