"""Every test that the docs name exists, and each promise names one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
NAMED = re.compile(r"`(?:tests/)?([\w/]+/test_\w+\.py)(?:::(test_\w+))?`")
PAGES = ("guarantees.md", "differences-from-airflow.md")


@cache
def names_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page: str) -> None:
    named = NAMED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len(named) > 10
    gone = [
        f"{file}::{name}"
        for file, name in named
        if not (TESTS / file).exists() or (name and name not in names_in(TESTS / file))
    ]
    assert not gone


def test_every_row_of_the_guarantees_names_a_test() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    headings = {"| promise | how it is kept | shown by |", "| fault | what happens | shown by |"}
    headings.add("| point | shown by |")
    assert not [row for row in rows if row not in headings and not NAMED.search(row)]
