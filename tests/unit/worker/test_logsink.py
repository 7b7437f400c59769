from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from tradewind.worker.logsink import STRUCTURED, LogSink, Masker

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "hunter2/+ä"


def lines_of(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_become_json_and_structured_lines_stay(tmp_path: Path) -> None:
    sink = LogSink(tmp_path, tmp_path / "log.jsonl", Masker())
    sink.feed(b"one\ntw", NOW)
    sink.feed(b"o\n" + STRUCTURED + b'{"event":"three","level":"error"}\n', NOW)
    os.close(sink.finish(NOW))
    found = lines_of(tmp_path / "log.jsonl")
    assert [line["event"] for line in found] == ["one", "two", "three"]
    assert found[2]["level"] == "error"


def test_secrets_are_masked_in_every_form_and_across_writes(tmp_path: Path) -> None:
    masker = Masker()
    masker.add(SECRET)
    sink = LogSink(tmp_path, tmp_path / "log.jsonl", masker)
    text = f"plain {SECRET} b64 {base64.b64encode(SECRET.encode()).decode()} {json.dumps(SECRET)}\n"
    data = text.encode()
    sink.feed(data[:10], NOW)
    sink.feed(data[10:], NOW)
    sink.note(f"reason: {SECRET}", NOW)
    os.close(sink.finish(NOW))
    written = (tmp_path / "log.jsonl").read_bytes()
    assert SECRET.encode() not in written
    assert b"hunter2" not in written
    assert written.count(b"***") >= 3
