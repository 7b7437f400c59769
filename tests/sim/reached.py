"""What the seeds of a batch reached, added up over the tests that play its chunks.

A chunk is small, so that a test is short and the chunks spread over processes; what must have
happened at least once is asked of the whole batch. Each chunk leaves its counts in a folder
that the processes of one run of the tests share, and whoever finds itself to be the last one
judges all of them. Of a batch that was not played whole (`-k`, a failure) nothing is asked.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


class Reached:
    """The counts of all chunks, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def require(
        self, paths: Iterable[str], chunk: range, batch: range, counts: Counter[str]
    ) -> None:
        """Note what a chunk reached; once its batch is whole, fail unless it took all paths.

        Args:
            paths: what must have happened in the batch.
            chunk: the seeds that were played.
            batch: the seeds to which they belong.
            counts: what happened, and how often.
        """
        folder = self._folder / f"{batch.start}-{batch.stop}"
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"{chunk.start}.{os.getpid()}.part"
        written.write_text(json.dumps(counts | {"seeds": len(chunk)}), encoding="utf-8")
        # Noted before it looks who else is there: of two that end together, one sees both.
        written.replace(folder / f"{chunk.start}.json")
        found = list(folder.glob("*.json"))
        if len(found) < len(range(batch.start, batch.stop, len(chunk))):
            return
        total: Counter[str] = Counter()
        for file in found:
            total.update(json.loads(file.read_text(encoding="utf-8")))
        missed = [path for path in paths if not total[path]]
        assert not missed, f"no seed of {batch.start} to {batch.stop - 1} took: {missed}"


def chunks(seeds: int, batch: int, chunk: int) -> list[tuple[range, range]]:
    """Return the chunks of whole batches that hold this many seeds, each with its batch."""
    return [
        (range(first, first + chunk), range(start, start + batch))
        for start in range(0, seeds, batch)
        for first in range(start, start + batch, chunk)
    ]


def first_seed(seeds: range) -> str:
    """Return the name of a chunk or a batch in a test's id."""
    return str(seeds.start)
