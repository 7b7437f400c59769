"""Logs in object storage: nothing is lost, whatever dies when."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewind.clock import SystemClock
from tradewind.config import load_config
from tradewind.errors import ConfigError, Unavailable
from tradewind.wire import logs
from tradewind.wire.log_archive import LOOK_AGAIN_S, Kept, LogArchive, open_archive
from tradewind.wire.object_storage import ObjectStorage

AT = datetime(2026, 1, 2, tzinfo=UTC)


class Clock(SystemClock):
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


class Machine:
    """A machine with a log folder of its own."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.clock = Clock()
        self.archive = LogArchive(root, ObjectStorage(url), self.clock)
        self.folder = logs.instance_folder(root, "d", "manual__1: x", "t%", 2)
        self.log = logs.segment_path(self.folder, 1, 7)

    def write(self, *texts: str) -> None:
        for text in texts:
            logs.append(self.root, self.log, text, AT)

    def read(self) -> list[str]:
        self.clock.at += LOOK_AGAIN_S
        self.archive.fetch(self.folder)
        return [
            logs.parse(line).event
            for segment in logs.segments(self.folder)
            for line in logs.read(self.root, segment.path).lines
        ]

    def lose_disk(self) -> None:
        for path, _ in list(logs.every_file(self.root)):
            path.unlink()


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/storage"
    return f"memory://{uuid.uuid4().hex}/logs"


@pytest.fixture
def one(tmp_path: Path, url: str) -> Machine:
    return Machine(tmp_path / "one", url)


@pytest.fixture
def two(tmp_path: Path, url: str) -> Machine:
    return Machine(tmp_path / "two", url)


def test_a_log_comes_back_when_its_disk_is_gone(one: Machine, two: Machine) -> None:
    one.write("a", "b")
    one.archive.keep(one.log)
    one.write("c")
    one.archive.keep(one.log)
    assert two.read() == ["a", "b", "c"]
    one.lose_disk()
    assert one.read() == ["a", "b", "c"]


def test_a_copy_whose_marker_was_not_written_is_not_doubled(one: Machine, two: Machine) -> None:
    one.write("a", "b")
    one.archive.keep(one.log)
    one.archive.forget(one.log)  # the copier was killed after the copy
    one.write("c")
    one.archive.keep(one.log)
    assert two.read() == ["a", "b", "c"]
    one.archive.forget(one.log)
    one.archive.keep(one.log)
    assert two.read() == ["a", "b", "c"]


def test_lines_that_come_after_the_file_was_deleted_are_added(one: Machine, two: Machine) -> None:
    one.write("a", "b")
    one.archive.keep(one.log)
    assert one.archive.let_go(one.log)
    assert not list(logs.every_file(one.root))
    one.write("late")
    one.archive.keep(one.log)
    one.write("later")
    one.archive.keep(one.log)
    assert two.read() == ["a", "b", "late", "later"]
    assert one.archive.let_go(one.log)
    assert one.read() == ["a", "b", "late", "later"]


def test_what_two_machines_have_of_one_log_is_there_from_both(one: Machine, two: Machine) -> None:
    one.write("a")
    one.archive.keep(one.log)
    two.write("a", "b")  # the worker went on with this one
    two.archive.keep(two.log)
    one.write("why it ended")
    one.archive.keep(one.log)
    one.lose_disk()
    assert set(one.read()) == {"a", "b", "why it ended"}


def test_a_part_that_is_here_is_completed_from_the_storage(one: Machine, two: Machine) -> None:
    one.write("a")
    one.archive.keep(one.log)
    two.write("a", "b")
    two.archive.keep(two.log)
    assert one.read() == ["a", "b"]


def test_nothing_is_deleted_that_the_storage_has_not(one: Machine, tmp_path: Path) -> None:
    one.write("a")
    assert not one.archive.let_go(one.log)
    one.archive.keep(one.log)
    one.write("b")
    assert not one.archive.let_go(one.log)
    one.archive.keep(one.log)
    # Somebody put something else there.
    address = one.log.relative_to(one.root).as_posix()
    one.archive.storage.write(address, [b"x" * 1000, b"\n"])
    assert not one.archive.let_go(one.log)
    assert one.read() == ["a", "b"]
    one.archive.forget(one.log)
    one.archive.keep(one.log)
    assert one.archive.let_go(one.log)
    assert one.read()[-2:] == ["a", "b"]


def test_the_storage_is_not_asked_at_every_look(one: Machine, two: Machine) -> None:
    assert one.read() == []
    two.write("a")
    two.archive.keep(two.log)
    one.archive.fetch(one.folder)
    assert not logs.segments(one.folder)
    assert one.read() == ["a"]


def test_a_storage_that_is_away_is_told_and_what_is_here_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("no folder")
    one = Machine(tmp_path / "one", f"file://{tmp_path}/a file/logs")
    with pytest.raises(Unavailable, match="cannot be used: NotADirectoryError"):
        one.archive.fetch(one.folder)
    one.write("a")
    with pytest.raises(Unavailable):
        one.archive.keep(one.log)
    assert one.archive.storage.trouble is not None
    assert one.read() == ["a"]
    assert one.archive.kept(one.log) is None


def test_a_link_in_the_log_folder_is_not_followed(one: Machine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    one.log.parent.mkdir(parents=True)
    one.log.symlink_to(secret)
    with pytest.raises(OSError, match="Too many levels"):
        one.archive.keep(one.log)
    assert secret.exists()
    marker = one.log.with_name(".7.archived")
    marker.write_text("[9, true]")
    assert one.archive.kept(one.log) is None
    marker.write_text("[0, 1]")
    assert one.archive.kept(one.log) == Kept(0, 1)


def test_it_is_configured_or_not_there(tmp_path: Path) -> None:
    env = {"TRADEWIND_HOME": str(tmp_path)}
    assert open_archive(load_config(env), SystemClock()) is None
    env["TRADEWIND__LOGGING__REMOTE_LOGGING"] = "true"
    with pytest.raises(ConfigError, match="remote_base_log_folder is empty"):
        open_archive(load_config(env), SystemClock())
    env["TRADEWIND__LOGGING__REMOTE_BASE_LOG_FOLDER"] = "nosuch://x"
    with pytest.raises(ConfigError, match="nosuch"):
        open_archive(load_config(env), SystemClock())
    env["TRADEWIND__LOGGING__REMOTE_BASE_LOG_FOLDER"] = "memory://x"
    assert open_archive(load_config(env), SystemClock()) is not None
