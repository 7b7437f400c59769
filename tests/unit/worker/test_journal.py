from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from tradewind.errors import ConfigError
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Failed, Succeeded
from tradewind.wire.messages import CallbackDone, Finish, XComValue
from tradewind.worker.journal import Journal, Report


def report(name: str) -> Finish:
    return Finish(
        seq=1,
        attempt_id=AttemptId(name),
        nonce="n",
        outcome=Succeeded(),
        xcoms=(XComValue(key="return_value", value=b'"x"'),),
    )


def left_by(folder: Path, *reports: Report) -> None:
    journal = Journal(folder)
    journal.load()
    journal.write(reports)
    journal.close()


def test_outcomes_come_back(tmp_path: Path) -> None:
    done = CallbackDone(seq=2, attempt_id=AttemptId("c"), nonce="n", callback_id=3, error="no")
    left_by(tmp_path, report("a"), done)
    assert Journal(tmp_path).load() == [report("a"), done]


def test_a_torn_record_ends_it_and_later_ones_follow(tmp_path: Path) -> None:
    left_by(tmp_path, report("a"), report("b"))
    file = tmp_path / "outcomes"
    file.write_bytes(file.read_bytes()[:-3])
    journal = Journal(tmp_path)
    assert [r.attempt_id for r in journal.load()] == ["a"]
    journal.write([report("c")])
    journal.close()
    assert [r.attempt_id for r in Journal(tmp_path).load()] == ["a", "c"]


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    left_by(tmp_path, report("a"))
    file = tmp_path / "outcomes"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert Journal(tmp_path).load() == []


def test_it_is_emptied_with_the_last_acknowledgement(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write([report("a"), report("b"), report("a")])
    journal.acknowledged(AttemptId("a"))
    assert (tmp_path / "outcomes").stat().st_size > 0
    journal.acknowledged(AttemptId("b"))
    journal.acknowledged(AttemptId("never written"))
    assert (tmp_path / "outcomes").stat().st_size == 0
    journal.write([report("c")])
    journal.close()
    assert [r.attempt_id for r in Journal(tmp_path).load()] == ["c"]


def test_one_worker_a_directory(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(ConfigError, match="--state-dir"):
        Journal(tmp_path)
    first.close()
    Journal(tmp_path).close()


def test_outcomes_of_another_version_are_passed_over(tmp_path: Path) -> None:
    failed = Finish(seq=1, attempt_id=AttemptId("f"), nonce="n", outcome=Failed(error="x"))
    left_by(tmp_path, failed)
    file = tmp_path / "outcomes"
    body = file.read_bytes()

    other = b"\x81\xa4type\xa5other"
    file.write_bytes(struct.pack(">II", len(other), zlib.crc32(other)) + other + body)
    assert Journal(tmp_path).load() == [failed]
