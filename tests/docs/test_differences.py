"""Each deliberate difference names a test that exists, and each command of the mapping is one."""

from __future__ import annotations

import re
from pathlib import Path

from tradewind.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
DIFFERENCES = ROOT / "docs" / "differences-from-airflow.md"
MIGRATING = ROOT / "docs" / "migrating-from-airflow.md"


def test_each_difference_has_its_test() -> None:
    rows = [r for r in DIFFERENCES.read_text(encoding="utf-8").splitlines() if r.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| here")]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), (file, test)


def test_each_command_of_the_mapping_is_there() -> None:
    text = MIGRATING.read_text(encoding="utf-8")
    named = set(re.findall(r"`tradewind ([a-z-]+)", text))
    assert named <= COMMANDS.keys()
