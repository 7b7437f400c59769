"""A task that eats all memory: the kernel ends the task, and its reason says why.

The worker runs in a memory control group of the test's own, as it does in a container or in a
systemd service with a limit. Where no such group can be made, the test is skipped.
"""

from __future__ import annotations

import contextlib
import os
import selectors
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.worker_world import launch_of, world
from tradewind.model.outcome import Failed, Succeeded, Vanished

LIMIT_MIB = 400
ROOTS = {
    "memory.max": Path("/sys/fs/cgroup"),
    "memory.limit_in_bytes": Path("/sys/fs/cgroup/memory"),
}

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

FILE = """
import resource

def quiet(a): pass

def greedy(a):
    kept = []
    while True:
        kept.append(bytearray(b"x" * (16 << 20)))

def limited(a):
    resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))
    greedy(a)

TASKS = {'quiet': quiet, 'greedy': greedy, 'limited': limited}
"""


def make_group() -> Path | None:
    for setting, root in ROOTS.items():
        group = root / f"tradewind-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if not _set(group / setting, LIMIT_MIB << 20):
            group.rmdir()
            continue
        # Without this the kernel would rather swap than end anything.
        for swap in ("memory.swap.max", "memory.swappiness"):
            _set(group / swap, 0)
        return group
    return None


def _set(setting: Path, value: int) -> bool:
    """Change a group's setting; False when there is none, or it cannot be changed."""
    with contextlib.suppress(OSError), setting.open("r+", encoding="ascii") as file:
        file.write(str(value))
        return True
    return False


@pytest.fixture
def group() -> Iterator[Path]:
    made = make_group()
    if made is None:
        pytest.skip("no memory control group can be made here (not root, or not delegated)")
    yield made
    with selectors.DefaultSelector() as pause:
        for _ in range(500):
            # Its last processes are on their way out.
            with contextlib.suppress(OSError):
                made.rmdir()
                return
            pause.select(0.02)
    made.rmdir()


def test_out_of_memory_is_named_and_harms_its_task_only(tmp_path: Path, group: Path) -> None:
    enter = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh"]
    with world(tmp_path, inside=enter) as there:
        there.worker.write(FILE)
        assert there.scheduler.run(launch_of("quiet")).outcome == Succeeded()
        launch = launch_of("greedy", fence=2)
        finish = there.scheduler.run(launch)
        assert finish.outcome == Vanished(reason="killed by SIGKILL: out of memory", exit_signal=9)
        assert finish.exit_signal == 9
        assert "killed by SIGKILL: out of memory" in there.worker.events(launch)[-1]
        # Whoever watches over it, and the imported file, are still there.
        assert there.scheduler.run(launch_of("quiet", fence=3)).outcome == Succeeded()
        assert there.worker.process.poll() is None


def test_a_limit_of_the_process_is_named_too(tmp_path: Path) -> None:
    with world(tmp_path) as there:
        there.worker.write(FILE)
        outcome = there.scheduler.run(launch_of("limited")).outcome
        assert isinstance(outcome, Failed)
        assert "MemoryError" in outcome.error
