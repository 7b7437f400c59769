from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.log import set_up


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_pipe_gets_json_lines() -> None:
    out = io.StringIO()
    set_up("scheduler", stream=out)
    logging.getLogger("tradewind.x").warning("run %s is late", "r1")
    line = json.loads(out.getvalue())
    assert line["event"] == "run r1 is late"
    assert (line["level"], line["component"], line["logger"]) == (
        "warning",
        "scheduler",
        "tradewind.x",
    )
    assert line["ts"].endswith("+00:00")


def test_a_terminal_gets_lines_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    set_up("web", stream=out)
    logging.getLogger("x").info("hello")
    logging.getLogger("x").error("ouch")
    first, second = out.getvalue().splitlines()
    assert first[8:] == " web        hello"
    assert second.endswith("ERROR ouch")


def test_exceptions_are_kept() -> None:
    out = io.StringIO()
    set_up("web", stream=out)
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: bad" in json.loads(out.getvalue())["exception"]


def test_the_file_gets_what_the_console_gets(tmp_path: Path) -> None:
    set_up("web", folder=tmp_path, stream=Terminal(), level="WARNING")
    logging.getLogger("x").info("not this")
    logging.getLogger("x").warning("this")
    lines = (tmp_path / "web.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["this"]


def test_setting_up_again_replaces() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up("launcher", stream=first)
    set_up("web", stream=second)
    logging.getLogger("x").info("hello")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["component"] == "web"


def test_a_warning_is_coloured_by_its_level_and_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    set_up("web", stream=out)
    logging.getLogger("x").warning("careful")
    assert "\033[34mweb " in out.getvalue()
    assert "\033[33mWARNING\033[0m careful" in out.getvalue()


def test_chatty_libraries_are_heard_only_when_it_matters() -> None:
    out = io.StringIO()
    set_up("web", stream=out)
    logging.getLogger("alembic.runtime").info("setup plugin")
    logging.getLogger("alembic.runtime").warning("something is wrong")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == [
        "something is wrong"
    ]
