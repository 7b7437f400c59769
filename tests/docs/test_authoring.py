"""The examples of the guide are DAG files that run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tradewind.sdk.loading import load_dag_file, module_name
from tradewind.testing import FakeClock, run_dag

GUIDE = Path(__file__).parents[2] / "docs" / "authoring.md"
EXAMPLES = re.findall(
    r"^## (.+?)\n(?:(?!^## ).)*?^```python\n(.+?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
)


def test_every_block_of_python_is_run() -> None:
    assert len(EXAMPLES) == GUIDE.read_text().count("```python")


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs(title: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(code)
    dags = load_dag_file(str(file), str(tmp_path)).dags
    assert dags, f"{title}: no DAG"
    for dag in dags.values():
        finished = run_dag(dag, clock=FakeClock())
        assert finished.state == "success", (finished.states, finished)
    module = sys.modules.pop(module_name(str(file), str(tmp_path)))
    for name, value in vars(module).items():
        if name.startswith("test_"):
            value()
