from __future__ import annotations

import errno
import itertools
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.wire import logs
from tradewind.worker.logsink import MAX_LINE, STRUCTURED, Lines, LogSink
from tradewind.worker.masking import MASK, Masker

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = logs.instance_folder(tmp_path, "d", "r", "t")
    return logs.segment_path(folder, 1, 1)


def written(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_nothing_said_makes_no_file(tmp_path: Path, path: Path) -> None:
    assert LogSink(tmp_path, path, Masker()).finish(NOW) == -1
    assert not path.exists()


def test_lines_become_json_and_records_stay(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker())
    sink.output(b"one\ntw", NOW)
    sink.error(b"oops\n", NOW)
    sink.output(b"o\n" + STRUCTURED + b'{"event":"three","level":"error"}\nrest', NOW)
    os.close(sink.finish(NOW))
    lines = [(line["event"], line.get("source"), line["level"]) for line in written(path)]
    assert lines == [
        ("one", "stdout", "info"),
        ("oops", "stderr", "warning"),
        ("two", "stdout", "info"),
        ("three", None, "error"),
        ("rest", "stdout", "info"),
    ]


def test_print_without_a_newline_before_a_record(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker())
    sink.output(b"50 %" + STRUCTURED + b'{"event":"a record","level":"info"}\n', NOW)
    os.close(sink.finish(NOW))
    assert [line["event"] for line in written(path)] == ["50 %", "a record"]


def test_what_only_looks_like_a_record_is_text(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker())
    sink.output(STRUCTURED + b"{nonsense\n" + b"\xff\x00\x1b[1m\n", NOW)
    os.close(sink.finish(NOW))
    events = [line["event"] for line in written(path)]
    assert events == ["\x1e{nonsense", "\\xff\x00\x1b[1m"]


def test_secrets_are_masked_across_writes_and_in_records(tmp_path: Path, path: Path) -> None:
    masker = Masker()
    masker.add("hunter22")
    sink = LogSink(tmp_path, path, masker)
    sink.output(b"a hunt", NOW)
    sink.output(b"er22\n" + STRUCTURED + b'{"event":"b hunter22","exc":"c hunter22"}\n', NOW)
    sink.note("reason: hunter22", NOW)
    os.close(sink.finish(NOW))
    assert b"hunter22" not in path.read_bytes()
    assert written(path)[1]["exc"] == f"c {MASK}"


def test_an_endless_line_is_cut_and_no_secret_with_it() -> None:
    masker = Masker()
    masker.add("a-secret-of-some-length")
    for shift in range(-30, 8):
        lines = Lines(masker)
        data = b"x" * (MAX_LINE + shift) + b"a-secret-of-some-length" + b"y" * 100
        pieces = [*lines.feed(data[: MAX_LINE + 5]), *lines.feed(data[MAX_LINE + 5 :])]
        pieces += lines.end()
        assert len(pieces) > 1
        assert all(b"a-secret" not in masker.text(p.decode()).encode() for p in pieces)
        assert b"".join(pieces).count(b"x") == MAX_LINE + shift


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_lines_do_not_depend_on_how_they_come(data: bytes, cuts: list[int]) -> None:
    lines = Lines(Masker())
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    found: list[bytes] = []
    for start, end in itertools.pairwise(edges):
        found += lines.feed(data[start:end])
    found += lines.end()
    assert found == (
        [*data.split(b"\n")] if not data.endswith(b"\n") else data.split(b"\n")[:-1]
    ) or (data == b"" and found == [])


def test_a_full_disk_drops_lines_and_says_so(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker())
    sink.output(b"before\n", NOW)
    good = sink._fd
    sink._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space") as full:
        os.write(sink._fd, b"x")
    assert full.value.errno == errno.ENOSPC
    sink.output(b"lost\nlost too\n", NOW)
    os.close(sink._fd)
    sink._fd = good
    sink.output(b"after\n", NOW)
    os.close(sink.finish(NOW))
    events = [line["event"] for line in written(path)]
    assert events == ["before", "2 lines are missing here: they could not be written", "after"]


def test_a_piece_of_an_endless_line_is_marked(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker())
    sink.output(b"first\n" + b"x" * (2 * MAX_LINE) + b"end\n", NOW)
    sink.output(b"y" * (MAX_LINE + 1), NOW)
    os.close(sink.finish(NOW))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    marked = [(line["event"][0], line.get("goes_on", False)) for line in lines]
    # A line that has its end is whole, however long it is.
    assert marked == [("f", False), ("x", False), ("y", True), ("y", False)]
    assert "".join(line["event"] for line in lines[2:]) == "y" * (MAX_LINE + 1)


def test_a_log_that_is_full_says_so_and_counts_the_rest(tmp_path: Path, path: Path) -> None:
    sink = LogSink(tmp_path, path, Masker(), 1 << 20)
    line = b"z" * 1023 + b"\n"
    for _ in range(20):
        sink.output(line * 100, NOW)
    sink.error(b"oops\n", NOW)
    sink.note("attempt ended: succeeded", NOW)
    os.close(sink.finish(NOW))
    events = [line["event"] for line in written(path)]
    kept = sum(event.startswith("zz") for event in events)
    assert 1 << 20 <= path.stat().st_size < 2 << 20
    full = "this log has reached 1 MiB (logging.max_attempt_mib); what the task prints from here on"
    assert events[kept:] == [
        f"{full} is not kept",
        "attempt ended: succeeded",
        f"{2000 - kept + 1} more lines were printed and are not kept",
    ]
