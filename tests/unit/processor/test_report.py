from __future__ import annotations

from pathlib import Path

from tradewind.errors import DagError
from tradewind.processor.report import MAX_TEXT, describe, shorten, summary
from tradewind.sdk.variable import Variable


def failure(tmp_path: Path, source: str) -> str:
    path = tmp_path / "dag.py"
    path.write_text(source)
    try:
        code = compile(source, str(path), "exec")
        exec(code, {"Variable": Variable, "DagError": DagError})  # noqa: S102  a DAG file
    except BaseException as error:  # noqa: BLE001
        return describe(error, str(tmp_path), 1 << 30)
    raise AssertionError("it should have failed")


def test_the_traceback_begins_at_the_authors_line(tmp_path: Path) -> None:
    text = failure(tmp_path, "def f():\n    1 / 0\nf()\n")
    lines = text.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[1].endswith('dag.py", line 3, in <module>')
    assert "test_report" not in text
    assert summary(text) == "ZeroDivisionError: division by zero"


def test_a_syntax_error_has_its_line(tmp_path: Path) -> None:
    text = failure(tmp_path, "def f(:\n    pass\n")
    assert 'dag.py", line 1' in text
    assert summary(text) == "SyntaxError: invalid syntax"


def test_our_own_errors_end_at_the_authors_line(tmp_path: Path) -> None:
    text = failure(
        tmp_path,
        "try:\n    raise DagError('inner says it')\n"
        "except DagError as e:\n    raise DagError('outer says it') from e\n",
    )
    assert text.count("Traceback") == 2, "causes in the author's code are shown"
    text = failure(tmp_path, "Variable.get('x')\n")
    assert "/tradewind/sdk/" not in text


def test_exit_and_memory_are_explained(tmp_path: Path) -> None:
    assert "remove the call of exit()" in failure(tmp_path, "import sys\nsys.exit(1)\n")
    assert "1024 MB" in describe(MemoryError(), str(tmp_path), 1 << 30)


def test_long_texts_lose_their_middle() -> None:
    text = shorten("a" * MAX_TEXT + "b" * MAX_TEXT)
    assert text.startswith("aaa")
    assert text.endswith("bbb")
    assert "characters left out" in text
    assert shorten("short") == "short"


def test_the_summary_of_a_plain_text_is_its_first_line() -> None:
    assert summary("It was stopped.\nIt was here:\n  somewhere") == "It was stopped."
    assert summary("") == ""
