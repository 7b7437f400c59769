"""What `deploy/` runs and sets is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tradewind.cli.main import cli
from tradewind.config import settings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OWN = {name: s for name, s in COMPOSE["services"].items() if s.get("image") == "tradewind"}


def command_of(words: list[str]) -> click.Command:
    """Follow the words of a command line down to its command."""
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group), words
        below = command.get_command(click.Context(command), word)
        assert below is not None, words
        command = below
    return command


def test_every_part_has_a_service() -> None:
    assert OWN.keys() == {
        *("migrate", "scheduler", "dag-processor", "api-server", "triggerer", "worker")
    }


@pytest.mark.parametrize("name", OWN)
def test_the_commands_of_services_are_there(name: str) -> None:
    assert not isinstance(command_of(OWN[name]["command"]), click.Group)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_commands_of_units_are_there(unit: Path) -> None:
    line = re.search(
        r"^ExecStart=\S+/tradewind (.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert line is not None
    assert not isinstance(command_of(shlex.split(line[1])), click.Group)


def test_every_variable_is_a_setting() -> None:
    known = {setting.variable for setting in settings()}
    for path in [*DEPLOY.rglob("*"), DEPLOY.parent / "docs" / "celery.md"]:
        if path.is_file():
            used = set(re.findall(r"TRADEWIND__\w+__\w+", path.read_text(encoding="utf-8")))
            names = {name.removesuffix("_SECRET") for name in used}  # the file with the value
            assert names <= {*known, "TRADEWIND__SECTION__KEY"}, path


def test_workers_have_no_database_but_that_of_results() -> None:
    environment = OWN["worker"]["environment"]
    assert "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN" not in environment
    assert "//results:" in environment["TRADEWIND__CELERY__RESULT_BACKEND"]
