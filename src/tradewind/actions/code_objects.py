"""Give workers the code that runs are pinned to."""

from __future__ import annotations

from collections.abc import Sequence

from tradewind.store import code
from tradewind.store.connect import Database
from tradewind.wire.messages import GetObjects, Reply

_BATCH = 8
_FULL_BYTES = 4 * 1024 * 1024
"""A reply is full when it has this much; the largest object adds at most as much again."""


class CodeObjects:
    """Answer requests for objects of code snapshots."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def answer(self, message: GetObjects) -> Reply:
        """Return the objects that there are, as many as fit."""
        found: dict[str, bytes] = {}
        rest: Sequence[str] = message.names
        while rest and sum(map(len, found.values())) < _FULL_BYTES:
            found |= code.get_objects(self._db, rest[:_BATCH])
            rest = rest[_BATCH:]
        return Reply(seq=message.seq, body={"objects": found, "rest": list(rest)})
