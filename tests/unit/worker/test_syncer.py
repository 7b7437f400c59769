from __future__ import annotations

import os
import select
from pathlib import Path

from tradewind import kernel
from tradewind.worker.syncer import Syncer


def a_log(folder: Path, name: str) -> int:
    return os.open(folder / name, os.O_CREAT | os.O_WRONLY)


def is_open(fd: int) -> bool:
    return os.path.exists(f"/proc/self/fd/{fd}")  # noqa: PTH110


def until_ended(pid: int) -> None:
    watched = os.pidfd_open(pid)
    assert select.select([watched], [], [], 20)[0], "the process goes on"
    os.close(watched)


def test_there_is_no_process_before_there_is_something_to_sync(tmp_path: Path) -> None:
    syncer = Syncer()
    assert syncer.sync(())
    assert syncer.pids == set()
    log = a_log(tmp_path, "one")
    assert syncer.sync([log])
    assert len(syncer.pids) == 1
    assert syncer.sync([log])
    assert len(syncer.pids) == 1
    os.close(log)
    syncer.close()


def test_a_process_that_ended_for_want_of_work_is_replaced(tmp_path: Path) -> None:
    syncer = Syncer(idle_s=0.3)
    log = a_log(tmp_path, "one")
    assert syncer.sync([log])
    (first,) = syncer.pids
    until_ended(first)
    for pid, _ in kernel.reap():
        syncer.reaped(pid)
    assert syncer.pids == set()
    assert syncer.sync([log])
    assert len(syncer.pids - {first}) == 1
    os.close(log)
    syncer.close()


def test_what_is_finished_is_closed_once_it_is_handed_over(tmp_path: Path) -> None:
    syncer = Syncer()
    log = a_log(tmp_path, "one")
    syncer.finish(log)
    before = syncer.waiting, is_open(log)
    syncer.close()
    assert before == (True, True)
    assert not syncer.waiting
    assert not is_open(log)


def test_a_process_that_was_killed_is_replaced(tmp_path: Path) -> None:
    syncer = Syncer()
    log = a_log(tmp_path, "one")
    assert syncer.sync([log])
    (first,) = syncer.pids
    os.kill(first, 9)
    until_ended(first)
    assert syncer.sync([log])
    assert len(syncer.pids) == 2
    os.close(log)
    syncer.close()
