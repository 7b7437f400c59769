from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.wire import logs

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make(root: Path, data: bytes, fence: int = 1, try_number: int = 1) -> Path:
    path = logs.segment_path(logs.instance_folder(root, "d", "r", "t"), try_number, fence)
    fd = logs.open_to_append(root, path)
    os.write(fd, data)
    os.close(fd)
    return path


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_names_cannot_leave_the_folder(dag: str, run: str, task: str) -> None:
    root = Path("/logs")
    folder = logs.instance_folder(root, dag, run, task, 3)
    assert Path(os.path.normpath(folder)) == folder
    assert folder.is_relative_to(root)
    assert all(len(part.encode()) < 250 for part in folder.parts)
    assert "\0" not in str(folder)


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "/etc", "a/../b", "a%2Fb", "x" * 5_000])
def test_hostile_names(name: str, tmp_path: Path) -> None:
    folder = logs.instance_folder(tmp_path, name, name, name)
    assert folder.resolve().is_relative_to(tmp_path.resolve())
    assert len(folder.relative_to(tmp_path).parts) == 3


def test_different_names_have_different_folders() -> None:
    names = ["a/b", "a%2Fb", "a.b", "..", "%2E%2E", "é", "x" * 400, "x" * 401, "~", "%7E"]
    assert len({logs.instance_folder(Path("/l"), n, "r", "t") for n in names}) == len(names)


def test_files_are_for_the_owner_and_the_group(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = make(tmp_path / "root", b"x\n")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    folders = path.relative_to(tmp_path).parents
    assert all((tmp_path / f).stat().st_mode & 0o027 == 0 for f in list(folders)[:-1])


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_bytes(b"root:x\n")
    root = tmp_path / "logs"
    path = make(root, b"x\n")
    planted: dict[str, Callable[[], None]] = {
        "symlink": lambda: path.symlink_to(secret),
        "hard link": lambda: path.hardlink_to(secret),
        "fifo": lambda: os.mkfifo(path),
    }
    for plant in planted.values():
        path.unlink()
        plant()
        with pytest.raises(OSError):
            logs.read(root, path)
        with pytest.raises(OSError):
            logs.open_to_append(root, path)
    assert secret.read_bytes() == b"root:x\n"


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "logs"
    path = make(root, b"x\n")
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        logs.read(root, path)


def test_segments_in_order(tmp_path: Path) -> None:
    for try_number, fence in ((2, 3), (1, 2), (1, 10)):
        make(tmp_path, b"x\n", fence, try_number)
    folder = logs.instance_folder(tmp_path, "d", "r", "t")
    logs.append(tmp_path, logs.callback_path(folder, 1, 4), "done", NOW)
    (folder / "attempt=x").mkdir()
    (folder / "attempt=1" / "notes.txt").touch()
    (folder / "attempt=1" / "7.jsonl").symlink_to("/etc/passwd")
    found = [(s.try_number, s.fence, s.callback_id) for s in logs.segments(folder)]
    assert found == [(1, 2, None), (1, 10, None), (1, None, 4), (2, 3, None)]
    assert [s.fence for s in logs.segments(folder, 2)] == [3]
    assert logs.segments(tmp_path / "none") == []


def test_reading_on_from_an_offset(tmp_path: Path) -> None:
    path = make(tmp_path, b"one\ntwo\nunfin")
    first = logs.read(tmp_path, path)
    assert first == logs.Chunk([b"one", b"two"], 0, 8)
    make(tmp_path, b"ished\n")
    assert logs.read(tmp_path, path, first.end).lines == [b"unfinished"]
    assert logs.read(tmp_path, path, 4, limit=2).lines == [b"two"]
    assert logs.read(tmp_path, path, 10_000) == logs.Chunk([], 10_000, 10_000)


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=30),
    st.integers(0, 35),
)
def test_the_tail_is_the_end(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], count: int
) -> None:
    root = tmp_path_factory.mktemp("tail")
    path = make(root, b"".join(line + b"\n" for line in lines) + b"unfinished")
    chunk = logs.tail(root, path, count)
    assert chunk.lines == (lines[-count:] if count else [])
    assert logs.read(root, path, chunk.start).lines == chunk.lines


def test_the_tail_of_200_mb_is_quick(tmp_path: Path) -> None:
    path = make(tmp_path, b"")
    with path.open("r+b") as handle:
        handle.truncate(200 << 20)  # sparse: one line of zeros, and then ours
        handle.seek(0, os.SEEK_END)
        handle.write(b"\n" + b"".join(b"line %d %s\n" % (i, b"x" * 100) for i in range(2_000)))
    started = time.perf_counter()
    chunk = logs.tail(tmp_path, path, 500)
    assert time.perf_counter() - started < 0.3
    assert len(chunk.lines) == 500
    assert chunk.lines[-1].startswith(b"line 1999 ")


def test_lines_that_are_not_ours_are_shown_as_they_are() -> None:
    assert logs.parse(b"\xffgarbage").event == "\\xffgarbage"
    line = logs.line_of(NOW, "error", "tradewind", "ended").rstrip()
    assert logs.parse(line) == logs.LogLine(
        ts="2026-03-01T00:00:00.000000Z", level="error", source="tradewind", event="ended"
    )
