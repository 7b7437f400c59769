"""Output of every kind reaches the log, and none of it is kept in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.worker_world import World, launch_of, world
from tradewind.model.outcome import Succeeded
from tradewind.wire import logs

MIB = 1 << 20
MUCH = int(os.environ.get("TRADEWIND_OUTPUT_MIB", "100"))
"""MiB that a task writes; what the supervisor may grow by does not depend on it."""

MAY_GROW_MIB = 20

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60 + MUCH)]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as found:
        yield found


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("piece", [b"x" * 64, b"y" * 1023 + b"\n"], ids=["no newline", "lines"])
def test_much_output_is_not_kept_in_memory(there: World, piece: bytes) -> None:
    there.worker.write(
        "import os\n"
        f"PIECE = {piece!r} * ({MIB} // {len(piece)})\n"
        "def quiet(a): pass\n"
        "def loud(a):\n"
        f"    for _ in range({MUCH}):\n"
        "        data = memoryview(PIECE)\n"
        "        while data: data = data[os.write(1, data):]\n"
        "TASKS = {'quiet': quiet, 'loud': loud}"
    )
    there.scheduler.run(launch_of("quiet"))
    before = peak_mib(there.worker.pid)
    launch = launch_of("loud", fence=2)
    there.scheduler.submit(launch)
    there.scheduler.until(lambda: launch.attempt_id in there.scheduler.finishes, 50.0 + MUCH)
    assert there.scheduler.finishes[launch.attempt_id].outcome == Succeeded()
    assert peak_mib(there.worker.pid) - before < MAY_GROW_MIB
    (segment,) = logs.segments(
        logs.instance_folder(there.worker.log_folder, "d", "r", "loud", -1), 1
    )
    assert segment.size > MUCH * MIB, "nothing is left out"
    assert there.worker.process.poll() is None


def test_bytes_that_are_no_text_are_shown_escaped(there: World) -> None:
    data = bytes(b for b in range(256) if b != ord("\n")) + "\x1b[31mé\u202e\r".encode()
    there.worker.write(f"import os\ndef t(a): os.write(1, {data!r} + b'\\n')\nTASKS = {{'t': t}}")
    launch = launch_of()
    assert there.scheduler.run(launch).outcome == Succeeded()
    # 0x1e announces a record of logging; what follows is none, and so is shown as it is.
    assert data.decode("utf-8", "backslashreplace") in there.worker.events(launch)
