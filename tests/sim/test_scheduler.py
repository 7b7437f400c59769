"""Seeds of the real scheduler over real SQLite; a failing seed is replayed with `play`."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.reached import Reached, chunks, first_seed
from tradewind.testing.simulation import campaign as simulated
from tradewind.testing.simulation.faults import KINDS

SEEDS = 32
"""Of each run of the tests: a seed takes two seconds of a processor. `make campaign` runs more."""
CHUNK = 1

SOMETIMES = (
    "take-over",
    "scheduler died",
    "Claim fenced",
    "Finish fenced",
    "self-fenced",
    "refused",
    "task restarting",
    "task deferred",
    "task up_for_retry",
    "task up_for_reschedule",
    "attempt lost",
    "attempt superseded",
    "a clear",
    "a mark",
    "a pause",
    *KINDS,
)
"""What must have happened in all seeds together: a path that none takes proves nothing."""


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shm if shm.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def play(seed: int, template: Path) -> tuple[Counter[str], frozenset[str]]:
    with in_memory() as folder:
        try:
            cluster, features = simulated.campaign(seed, folder, template)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    return cluster.counts, features


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chunk" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--seeds")
        # The engine's seeds are cheap; of every sixteen of them, one is played here as well.
        seeds = SEEDS if asked is None else max(asked // 16, SEEDS)
        metafunc.parametrize("chunk, batch", chunks(seeds, seeds, CHUNK), ids=first_seed)


@pytest.mark.timeout(600)
def test_nothing_breaks(
    chunk: range, batch: range, sqlite_template: Path, reached: Reached
) -> None:
    counted: Counter[str] = Counter()
    for seed in chunk:
        counts, features = play(seed, sqlite_template)
        assert len(features) >= 3
        counted.update(counts)
    reached.require(SOMETIMES, chunk, batch, counted)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "seed",
    [
        36,  # a scheduler that stood still while it took over took the socket from the leader
        44,  # an attempt that only rescheduled is folded away
        60,  # a task that was to go on after its trigger was skipped, and the trigger stayed
        208,  # a task deferred and was failed by another in one turn, and the trigger stayed
    ],
)
def test_a_seed_that_once_failed(seed: int, sqlite_template: Path) -> None:
    play(seed, sqlite_template)
