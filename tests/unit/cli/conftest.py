from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewind.cli.main import run
from tradewind.store.connect import Database, open_database


class Cli:
    """Run command lines in this process."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.env = {"TRADEWIND_HOME": str(home), "HOME": str(home)}
        self._capsys = capsys
        self.err = ""

    def __call__(self, *args: str, code: int = 0) -> str:
        self._capsys.readouterr()
        got = run(args, self.env)
        out, self.err = self._capsys.readouterr()
        assert got == code, f"{args} ended with {got}\n{out}{self.err}"
        return out

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "-o", "json"))


@pytest.fixture
def cli(tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """A command line on a home with an empty database."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(sqlite_template, home / "tradewind.db")
    return Cli(home, capsys)


@pytest.fixture
def lite(cli: Cli) -> Iterator[Database]:
    """The database of that home."""
    db = open_database(f"sqlite:///{cli.home}/tradewind.db")
    yield db
    db.close()
