"""Complete a stored assignment: what only the claim's moment knows is added then."""

from __future__ import annotations

import msgspec

from tradewind.model.ids import TiKey
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.wire.messages import Assignment
from tradewind.wire.remote import decode_assignment


def assigned(db: Database, stored: bytes, ti: TiKey | None = None) -> Assignment:
    """Return what a worker is to run.

    Args:
        db: the database.
        stored: the assignment as the leader wrote it.
        ti: of a task: it goes on after its trigger when the assignment says so.
    """
    assignment = decode_assignment(stored)
    if ti is None or not assignment.resumes:
        return assignment
    return msgspec.structs.replace(assignment, resume=scheduling.resume(db, ti))
