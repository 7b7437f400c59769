from __future__ import annotations

import os

import pytest

from tradewind.cli.aside import aside
from tradewind.errors import Bug, ConfigError, Unavailable


def test_it_is_done_in_another_process() -> None:
    assert aside(lambda: str(os.getpid())) != str(os.getpid())


def test_nothing_may_come_of_it() -> None:
    assert aside(lambda: None) is None


def test_an_error_for_the_operator_keeps_its_words() -> None:
    def refuse() -> str:
        raise Unavailable("the database is away")

    with pytest.raises(ConfigError, match=r"^the database is away$"):
        aside(refuse)


def test_another_error_is_told_with_its_traceback() -> None:
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(Bug, match=r"in fail\n(.*\n)*ZeroDivisionError"):
        aside(fail)


def test_a_child_that_is_killed_is_told() -> None:
    def vanish() -> str:
        os.kill(os.getpid(), 9)
        return "never"

    with pytest.raises(Bug, match="vanish ended with status 9"):
        aside(vanish)
