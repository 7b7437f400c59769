"""What was answered to requests that name themselves, so that a repeat is not done again.

A row is written before the request is carried out, and its answer after: who finds a row without
one knows that the request is being carried out, or was cut off in the middle of it. Answers are
sealed, for they show what the caller may see and nobody else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select, update

from tradewind.store.account_tables import kept_answer as table
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_ignore
from tradewind.store.sealing import Box

KEPT_FOR = timedelta(hours=24)
_PRUNED_ROWS = 100
"""For each new row some old ones go: the table holds what one day brings."""


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: its HTTP status, its media type and its bytes."""

    status: int
    media_type: str | None
    body: bytes


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came before. digest: of what it asked; answer: None when there is none yet."""

    digest: str
    at: datetime
    answer: KeptAnswer | None


def begin(db: Database, box: Box, request_id: str, digest: str, now: datetime) -> Earlier | None:
    """Note that a request is going to be carried out; return the one before, if there was one.

    Args:
        db: the database.
        box: opens the answer of the one before.
        request_id: who asks for what under which key, in short.
        digest: what exactly is asked, in short.
        now: the time. What is older than `KEPT_FOR` never was.

    Raises:
        ConfigError: the key that sealed the answer is not configured any more.
    """
    horizon = now - KEPT_FOR
    old = select(table.c.request_id).where(table.c.at < horizon).limit(_PRUNED_ROWS)
    with db.write() as conn:
        conn.execute(delete(table).where(table.c.request_id.in_(old)))
        conn.execute(delete(table).where(table.c.request_id == request_id, table.c.at < horizon))
        row = {"request_id": request_id, "digest": digest, "at": now, "answer": None}
        if conn.execute(insert_or_ignore(table), row).rowcount:
            return None
        found = conn.execute(select(table).where(table.c.request_id == request_id)).one()
    if found.answer is None:
        return Earlier(digest=found.digest, at=found.at, answer=None)
    opened = box.open(found.answer, where(request_id))
    answer = msgspec.msgpack.decode(opened, type=KeptAnswer)
    return Earlier(digest=found.digest, at=found.at, answer=answer)


def finish(db: Database, box: Box, request_id: str, answer: KeptAnswer) -> None:
    """Keep the answer to a request that was carried out."""
    sealed = box.seal(msgspec.msgpack.encode(answer), where(request_id))
    named = table.c.request_id == request_id
    with db.write() as conn:
        conn.execute(update(table).where(named, table.c.answer.is_(None)).values(answer=sealed))


def take_over(db: Database, request_id: str, earlier: Earlier, now: datetime) -> bool:
    """Carry out in place of who began and gave no answer; False when somebody else does."""
    as_seen = (
        table.c.request_id == request_id,
        table.c.at == earlier.at,
        table.c.answer.is_(None),
    )
    with db.write() as conn:
        return conn.execute(update(table).where(*as_seen).values(at=now)).rowcount > 0


def forget(db: Database, request_id: str) -> None:
    """Forget a request that was refused: nothing was done, and it may be tried again."""
    named = table.c.request_id == request_id
    with db.write() as conn:
        conn.execute(delete(table).where(named, table.c.answer.is_(None)))


def where(request_id: str) -> str:
    """Return the place that an answer is sealed for."""
    return f"{table.name}/{request_id}"
