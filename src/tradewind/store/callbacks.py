"""Callbacks that remote workers run: offered by the leader, claimed like attempts.

A callback's row has at most one offer, under an attempt id that changes when a worker was lost
with it. A claim is a compare-and-set on the offer; that the callback ran reaches the leader
through its inbox, and the leader strikes it off with its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from tradewind.errors import Fenced, NotFound
from tradewind.model.ids import AttemptId, TiKey
from tradewind.store import tables
from tradewind.store.connect import Database
from tradewind.store.tables import callback as table

PREFIX = "callback."
"""How the attempt ids of callbacks begin."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that was offered to remote workers. nonce: of its claim."""

    callback_id: int
    ti: TiKey
    claim_token: str
    assignment: bytes
    nonce: str | None


def offer(
    db: Database, callback_id: int, attempt_id: AttemptId, claim_token: str, assignment: bytes
) -> None:
    """Let workers claim a callback under this attempt id, and under no other any more."""
    with db.write() as conn:
        conn.execute(
            update(table)
            .where(
                table.c.callback_id == callback_id,
                table.c.done_at.is_(None),
                table.c.attempt_id.is_distinct_from(attempt_id),
            )
            .values(
                attempt_id=attempt_id,
                claim_token=claim_token,
                assignment=assignment,
                nonce=None,
                hb_counter=0,
            )
        )


def claim(db: Database, attempt_id: AttemptId, claim_token: str, nonce: str) -> Offered:
    """Claim a callback; the same nonce again is the same claim.

    Raises:
        NotFound: there is no such offer.
        Fenced: another worker has it, it ran, or the token is not its own.
    """
    with db.write() as conn:
        offered = _locked(conn, attempt_id)
        if offered.claim_token != claim_token or offered.nonce not in {None, nonce}:
            raise Fenced(f"callback {attempt_id} cannot be claimed: another worker has it")
        conn.execute(
            update(table)
            .where(table.c.attempt_id == attempt_id, table.c.nonce.is_(None))
            .values(nonce=nonce, hb_counter=1)
        )
    return offered


def find(db: Database, attempt_id: AttemptId, nonce: str) -> Offered | None:
    """Return the callback if this claim of it holds."""
    with db.read() as conn:
        row = conn.execute(select(table).where(table.c.attempt_id == attempt_id)).one_or_none()
    if row is None or row.nonce != nonce or row.done_at is not None:
        return None
    return _offered(row)


def beat(db: Database, running: Iterable[tuple[AttemptId, str]]) -> list[AttemptId]:
    """Note that callbacks are being run; return those that are to be stopped."""
    stale: list[AttemptId] = []
    with db.write() as conn:
        for attempt_id, nonce in running:
            beaten = conn.execute(
                update(table)
                .where(
                    table.c.attempt_id == attempt_id,
                    table.c.nonce == nonce,
                    table.c.done_at.is_(None),
                )
                .values(hb_counter=table.c.hb_counter + 1)
            )
            if beaten.rowcount == 0:
                stale.append(attempt_id)
    return stale


def end(
    db: Database, attempt_id: AttemptId, nonce: str, news: dict[str, object], at: datetime
) -> None:
    """Tell the leader that a callback ran, or that its process died.

    Raises:
        Fenced: the callback is not this worker's any more.
    """
    with db.write() as conn:
        offered = _locked(conn, attempt_id)
        if offered.nonce != nonce:
            raise Fenced
        conn.execute(
            insert(tables.inbox).values(
                kind="callback_ended",
                run_pk=offered.ti.run_pk,
                payload={"attempt_id": attempt_id, **news},
                at=at,
            )
        )


def heartbeats(db: Database, attempt_ids: Iterable[AttemptId]) -> dict[AttemptId, tuple[str, int]]:
    """Return the nonce and the heartbeat counter of callbacks that were claimed."""
    with db.read() as conn:
        found = conn.execute(
            select(table.c.attempt_id, table.c.nonce, table.c.hb_counter).where(
                table.c.attempt_id.in_(list(attempt_ids)), table.c.nonce.is_not(None)
            )
        )
        return {AttemptId(row.attempt_id): (row.nonce, row.hb_counter) for row in found}


def _locked(conn: Connection, attempt_id: AttemptId) -> Offered:
    row = conn.execute(
        select(table).where(table.c.attempt_id == attempt_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no callback {attempt_id}")
    if row.done_at is not None:
        raise Fenced(f"callback {attempt_id} ran already")
    return _offered(row)


def _offered(row: Row[tuple[object, ...]]) -> Offered:
    return Offered(
        callback_id=row.callback_id,
        ti=TiKey(row.run_pk, row.task_id or "", row.map_index),
        claim_token=row.claim_token,
        assignment=row.assignment,
        nonce=row.nonce,
    )
