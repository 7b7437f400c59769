"""Paths in object storage: on the file system and in memory, with a file system of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tradewind.errors import DagError
from tradewind.sdk import DAG, ObjectStoragePath, serde, task
from tradewind.sdk.io import attach, get_fs, has_fs
from tradewind.testing import FakeClock, run_dag


def test_a_path_is_read_written_copied_and_moved(tmp_path: Path) -> None:
    base = ObjectStoragePath(f"file://{tmp_path}")
    first = base / "folder" / "a.txt"
    first.parent.mkdir(parents=True)
    with first.open("w") as file:
        file.write("wind")
    assert (first.size(), first.read_block(1, 2)) == (4, b"in")
    first.copy(base / "b.txt")
    first.parent.copy(ObjectStoragePath("memory://store/kept"), recursive=True)
    kept = ObjectStoragePath("memory://store/kept/a.txt")
    assert (kept.read_text(), kept.namespace.partition("://")[0]) == ("wind", "memory")
    (base / "b.txt").move(base / "c.txt")
    assert sorted(one.name for one in base.iterdir()) == ["c.txt", "folder"]


def test_the_part_before_the_at_is_a_connection() -> None:
    own = MemoryFileSystem()
    attach("memory", "my_conn", own)
    path = ObjectStoragePath("memory://my_conn@bucket/key.txt")
    assert (path.conn_id, path.fs) == ("my_conn", own)
    assert str(path) == "memory://bucket/key.txt"
    assert (path.parent / "other").conn_id == "my_conn"
    assert path != ObjectStoragePath("memory://bucket/key.txt")
    assert serde.loads(serde.dumps(path)) == path


def test_a_path_passes_between_tasks(tmp_path: Path) -> None:
    with DAG("d") as dag:

        @task
        def write() -> Any:
            path = ObjectStoragePath(f"file://{tmp_path}/x.txt")
            path.write_text("7")
            return path

        @task
        def read(path: Any) -> int:
            return int(path.read_text())

        read(write())
    assert run_dag(dag, clock=FakeClock()).xcom("read") == 7


def test_a_scheme_that_nobody_knows() -> None:
    assert has_fs("memory")
    assert not has_fs("windmill")
    with pytest.raises(DagError, match="no file system for windmill://"):
        get_fs("windmill")
