from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.processor.watch import Watcher


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    (tmp_path / "below").mkdir()
    (tmp_path / ".git").mkdir()
    made = Watcher([tmp_path])
    made.start()
    yield made
    made.close()


def heard(watcher: Watcher) -> set[str]:
    assert select.select([watcher], [], [], 10)[0], "nothing was heard"
    return watcher.take()


def is_quiet(watcher: Watcher) -> bool:
    return not select.select([watcher], [], [], 0)[0]


def test_writing_replacing_and_removing_a_file_are_heard(watcher: Watcher, tmp_path: Path) -> None:
    file = tmp_path / "below" / "one.py"
    file.write_text("1")
    assert heard(watcher) == {str(file)}
    (tmp_path / "new.py").write_text("2")
    heard(watcher)
    (tmp_path / "new.py").replace(file)
    assert heard(watcher) == {str(file), str(tmp_path / "new.py")}
    file.unlink()
    assert heard(watcher) == {str(file)}
    assert is_quiet(watcher)


def test_a_folder_that_appears_is_watched_with_all_that_is_in_it(
    watcher: Watcher, tmp_path: Path
) -> None:
    inner = tmp_path / "fresh" / "inner"
    inner.mkdir(parents=True)
    assert str(tmp_path / "fresh") in heard(watcher)
    (inner / "one.py").write_text("1")
    assert str(inner / "one.py") in heard(watcher)


def test_a_folder_that_moved_is_heard_under_its_new_name(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "below").rename(tmp_path / "moved")
    heard(watcher)
    (tmp_path / "moved" / "one.py").write_text("1")
    assert str(tmp_path / "moved" / "one.py") in heard(watcher)


def test_a_folder_that_moved_away_is_not_heard(watcher: Watcher, tmp_path: Path) -> None:
    away = tmp_path.with_name(tmp_path.name + "-away")
    (tmp_path / "below").rename(away)
    heard(watcher)
    (away / "one.py").write_text("1")
    assert watcher.take() == set()


def test_what_is_never_listed_is_not_heard(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / ".git" / "index").write_text("1")
    assert is_quiet(watcher)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "one.pyc").write_text("1")
    assert watcher.take() == set()
    assert is_quiet(watcher)


def test_a_link_to_a_folder_around_it_ends(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "below" / "loop").symlink_to(tmp_path)
    assert heard(watcher)
    (tmp_path / "one.py").write_text("1")
    names = {Path(path).name for path in heard(watcher)}
    assert "one.py" in names


def test_a_folder_that_was_replaced_is_no_longer_current(watcher: Watcher, tmp_path: Path) -> None:
    assert watcher.is_current()
    tmp_path.rename(tmp_path.with_name(tmp_path.name + "-away"))
    tmp_path.mkdir()
    assert not watcher.is_current()


def test_reading_and_growing_a_file_that_stays_open_wake_nobody(
    watcher: Watcher, tmp_path: Path
) -> None:
    log = tmp_path / "some.log"
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY)
    heard(watcher)
    os.write(descriptor, b"line\n")
    log.read_bytes()
    assert is_quiet(watcher)
    os.close(descriptor)
    assert heard(watcher) == {str(log)}
