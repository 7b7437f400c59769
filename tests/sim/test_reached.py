from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.sim.reached import Reached, chunks

BATCH = range(8, 16)


def test_the_last_chunk_of_a_batch_judges_all_of_it(tmp_path: Path) -> None:
    # One for each process.
    first, last = Reached(tmp_path), Reached(tmp_path)
    first.require(["x", "y"], range(12, 16), BATCH, Counter(x=1))
    last.require(["x", "y"], range(8, 12), BATCH, Counter(x=2, y=1))


def test_a_path_that_no_chunk_took_fails_the_last_one(tmp_path: Path) -> None:
    reached = Reached(tmp_path)
    reached.require(["x", "y"], range(12, 16), BATCH, Counter(x=1))
    # The same chunk once more is not another one.
    reached.require(["x", "y"], range(12, 16), BATCH, Counter(x=1))
    reached.require(["y"], range(4), range(8), Counter(y=1))
    with pytest.raises(AssertionError, match=r"no seed of 8 to 15 took: \['y'\]"):
        reached.require(["x", "y"], range(8, 12), BATCH, Counter(x=2))


def test_batches_are_whole() -> None:
    assert chunks(5, 4, 2) == [
        (range(2), range(4)),
        (range(2, 4), range(4)),
        (range(4, 6), range(4, 8)),
        (range(6, 8), range(4, 8)),
    ]
