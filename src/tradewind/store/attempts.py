"""Attempt rows: reading them, and the moves that remote workers make.

A local worker's messages reach the leader over its socket, and the leader writes them with
its turn. A remote worker speaks to an API server, which may be any of several; it moves the
attempt's row itself by compare-and-set on (attempt id, state, nonce) and tells the leader
through the inbox, in the same transaction. What the move means for the task instance is the
leader's decision.

Many moves make one transaction: their rows are locked and read once, each move is judged by
`judge` (pure) against its row as the moves before it leave it, and what was accepted is written
in one batch. A refused move changes nothing and stops no other. Every move may be repeated: what
was accepted before is answered the same and written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select, update

from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Attempt
from tradewind.model.state import AttemptState
from tradewind.store import assets, rows, tables
from tradewind.store.batch import Batch, Params, Prepared, Query
from tradewind.store.connect import Database
from tradewind.store.statements import BEAT, CLAIM, DROP_XCOM, PUT_RENDERED, PUT_XCOM
from tradewind.store.tables import attempt as table
from tradewind.store.turn import AssetEventWrite, XComWrite

FENCED = "fenced"
NOT_FOUND = "not_found"


class ClaimMove(msgspec.Struct, frozen=True, kw_only=True):
    """queued → running, for whoever has the claim token; the same nonce again is the same claim."""

    attempt_id: AttemptId
    claim_token: str
    nonce: str
    worker: str


class BeatMove(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt is alive."""

    attempt_id: AttemptId
    nonce: str


class EndMove(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt ended, with everything that commits together with it.

    outcome: JSON of the outcome. asset_events: only of one that succeeded.
    """

    attempt_id: AttemptId
    nonce: str
    outcome: bytes
    after: AttemptState = AttemptState.DONE
    mapped_length: int | None = None
    returned: bool = False
    xcoms: tuple[tuple[str, bytes], ...] = ()
    asset_events: tuple[AssetEventWrite, ...] = ()
    rendered: bytes | None = None
    map_index_label: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str | None = None


class XComMove(msgspec.Struct, frozen=True, kw_only=True):
    """A running attempt writes an XCom of its task instance. value None: removes it."""

    attempt_id: AttemptId
    nonce: str
    key: str
    value: bytes | None


class RenderedMove(msgspec.Struct, frozen=True, kw_only=True):
    """A running attempt writes its rendered fields: JSON, already masked."""

    attempt_id: AttemptId
    nonce: str
    fields: bytes


Move = ClaimMove | BeatMove | EndMove | XComMove | RenderedMove


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a move. error: None, "fenced" or "not_found".

    attempt: its row before the move, if there is one. new: something is to be written.
    assignment: of an attempt that is claimed: what to run, as it was stored.
    """

    error: str | None = None
    attempt: Attempt | None = None
    new: bool = False
    assignment: bytes | None = None


def get(db: Database, attempt_id: AttemptId) -> Attempt | None:
    """Return one attempt."""
    with db.read() as conn:
        row = conn.execute(select(table).where(table.c.attempt_id == attempt_id)).mappings().first()
    return rows.to_attempt(row) if row else None


def heartbeats(db: Database, attempt_ids: Iterable[AttemptId]) -> dict[AttemptId, int]:
    """Return the heartbeat counters of running attempts."""
    with db.read() as conn:
        found = conn.execute(
            select(table.c.attempt_id, table.c.hb_counter).where(
                table.c.attempt_id.in_(list(attempt_ids)),
                table.c.state == AttemptState.RUNNING.value,
            )
        )
        return {AttemptId(row.attempt_id): row.hb_counter for row in found}


def judge(attempt: Attempt | None, move: Move) -> Verdict:
    """Decide whether a move is accepted. Pure.

    Args:
        attempt: the row of the move's attempt; None when there is none.
        move: what a worker wants.
    """
    if attempt is None:
        return Verdict(error=NOT_FOUND)
    mine = attempt.nonce == move.nonce
    running = mine and attempt.state is AttemptState.RUNNING
    if isinstance(move, ClaimMove):
        if move.claim_token != attempt.claim_token:
            return Verdict(error=FENCED, attempt=attempt)
        if running:
            return Verdict(attempt=attempt)
        if attempt.state is not AttemptState.QUEUED:
            return Verdict(error=FENCED, attempt=attempt)
        return Verdict(attempt=attempt, new=True)
    if isinstance(move, EndMove) and mine and attempt.state is move.after:
        return Verdict(attempt=attempt)
    if not running:
        return Verdict(error=FENCED, attempt=attempt)
    return Verdict(attempt=attempt, new=True)


def settle(db: Database, moves: Sequence[Move], now: datetime) -> list[Verdict]:
    """Make moves in one transaction; return what became of each, in order.

    Raises:
        Unavailable: the database cannot be reached; all may be repeated.
    """
    if not moves:
        return []
    shelved = _shelved(db, moves)
    writes = _Writes(now, shelved)
    if any(isinstance(move, EndMove) and move.asset_events for move in moves):
        with db.write() as conn:
            verdicts = _settle(db, conn.connection.driver_connection, moves, writes)
            for event in writes.asset_events:
                assets.insert_event(conn, event)
    else:
        with db.turn() as raw:
            verdicts = _settle(db, raw, moves, writes)
    return verdicts


def _settle(db: Database, raw: Any, moves: Sequence[Move], writes: _Writes) -> list[Verdict]:
    """Lock the rows, judge each move as those before it leave them, and write."""
    # In one order, so that two batches that share attempts cannot wait for each other.
    wanted = [{"b_id": each} for each in sorted({move.attempt_id for move in moves})]
    found = _LOCK.fetch(db.engine.dialect, raw, wanted)
    stored = {AttemptId(row["attempt_id"]): row for row in found}
    attempts = {attempt_id: rows.to_attempt(row) for attempt_id, row in stored.items()}
    verdicts: list[Verdict] = []
    for index, move in enumerate(moves):
        verdict = judge(attempts.get(move.attempt_id), move)
        if verdict.attempt is not None:
            if verdict.new:
                attempts[move.attempt_id] = writes.add(index, verdict.attempt, move)
            elif verdict.error == FENCED and isinstance(move, EndMove):
                writes.add_stopped(verdict.attempt, move)
            if isinstance(move, ClaimMove) and verdict.error is None:
                body = stored[move.attempt_id]["assignment"]
                verdict = msgspec.structs.replace(verdict, assignment=body)
        verdicts.append(verdict)
    writes.into(Batch(db.engine.dialect, raw))
    return verdicts


# ---- what is written ------------------------------------------------------------------------

_END = Prepared(
    update(table)
    .where(
        table.c.attempt_id == bindparam("b_id"),
        table.c.nonce == bindparam("b_nonce"),
        table.c.state == "running",
    )
    .values(assignment=None),
    ["state", "outcome", "exit_code", "exit_signal", "reason", "ended_at"],
)
_LOCK = Query(select(table).where(table.c.attempt_id == bindparam("b_id")).with_for_update())
_EVENT = Prepared(insert(tables.ti_event), [c.name for c in tables.ti_event.c if c.name != "seq"])
_INBOX = Prepared(insert(tables.inbox), ["kind", "run_pk", "payload", "at"])

_ORDER: dict[Prepared, tuple[str, bool]] = {
    CLAIM: ("a claim", True),
    BEAT: ("a beat", False),
    _END: ("an end", True),
    PUT_XCOM: ("an XCom", False),
    DROP_XCOM: ("an XCom", False),
    PUT_RENDERED: ("rendered fields", False),
    _EVENT: ("an event", False),
    _INBOX: ("the leader's inbox", False),
}
"""The order in which they run (an attempt may be claimed and end in one batch), their names, and
whether each must hit its row."""


class _Writes:
    """The rows of accepted moves, gathered to be written together."""

    def __init__(self, now: datetime, shelved: dict[tuple[int, str], XComWrite]) -> None:
        self.now = now
        self.asset_events: list[AssetEventWrite] = []
        self._shelved = shelved
        self._rows: dict[Prepared, list[Params]] = {}

    def add(self, index: int, attempt: Attempt, move: Move) -> Attempt:
        """Add what a move writes; return the attempt as the move leaves it."""
        match move:
            case ClaimMove():
                return self._claim(attempt, move)
            case BeatMove():
                self._write(BEAT, {"b_id": attempt.attempt_id})
            case EndMove():
                self._xcoms(index, attempt, move)
                return self._end(attempt, move)
            case XComMove(value=None):
                gone = {**rows.b_key(attempt.ti), "b_key": rows.plain(move.key)}
                self._write(DROP_XCOM, gone)
            case XComMove():
                self._xcoms(index, attempt, move)
            case RenderedMove():
                self._rendered(attempt, move.fields, None)
        return attempt

    def add_stopped(self, attempt: Attempt, move: EndMove) -> None:
        """Tell the leader that an attempt ended that counts for nothing: a task may wait for it."""
        if attempt.nonce == move.nonce:
            self._tell("stopped", attempt, {})

    def into(self, batch: Batch) -> None:
        """Write everything, statements of a kind together."""
        for statement, (what, counted) in _ORDER.items():
            found = self._rows.get(statement, [])
            batch.add(what, statement, found, len(found) if counted else None)
        batch.run()

    def _claim(self, attempt: Attempt, move: ClaimMove) -> Attempt:
        worker = rows.plain(move.worker)
        row = {
            "b_id": attempt.attempt_id,
            "nonce": move.nonce,
            "worker": worker,
            "claimed_at": self.now,
        }
        self._write(CLAIM, row)
        claimed = msgspec.structs.replace(
            attempt, state=AttemptState.RUNNING, nonce=move.nonce, worker=worker
        )
        self._event(attempt, claimed)
        self._tell("claimed", attempt, {"nonce": move.nonce, "worker": worker})
        return claimed

    def _end(self, attempt: Attempt, move: EndMove) -> Attempt:
        row = {
            "b_id": attempt.attempt_id,
            "b_nonce": move.nonce,
            "state": move.after.value,
            "outcome": move.outcome,
            "exit_code": move.exit_code,
            "exit_signal": move.exit_signal,
            "reason": rows.plain(move.reason),
            "ended_at": self.now,
        }
        self._write(_END, row)
        ended = msgspec.structs.replace(attempt, state=move.after)
        self._event(attempt, ended, rows.plain(move.reason))
        if move.rendered is not None or move.map_index_label is not None:
            self._rendered(attempt, move.rendered or b"{}", move.map_index_label)
        self.asset_events.extend(move.asset_events)
        news = {
            "outcome": msgspec.Raw(move.outcome),
            "mapped_length": move.mapped_length,
            "returned": move.returned,
            "asset_events": len(move.asset_events),
        }
        self._tell("reported", attempt, news)
        return ended

    def _xcoms(self, index: int, attempt: Attempt, move: Move) -> None:
        for key, value in _values(move):
            write = self._shelved.get((index, key)) or XComWrite(
                ti=attempt.ti, attempt_id=attempt.attempt_id, key=key, value=value
            )
            self._write(PUT_XCOM, rows.xcom_row(write, self.now))

    def _rendered(self, attempt: Attempt, fields: bytes, label: str | None) -> None:
        row = {
            **rows.ti_key(attempt.ti),
            "attempt_id": attempt.attempt_id,
            "fields": fields,
            "map_index_label": rows.plain(label),
        }
        self._write(PUT_RENDERED, row)

    def _event(self, before: Attempt, after: Attempt, reason: str | None = None) -> None:
        row = {
            **rows.ti_key(before.ti),
            "at": self.now,
            "subject": "attempt",
            "fence": before.fence,
            "try_number": before.try_number,
            "from_state": before.state.value,
            "to_state": after.state.value,
            "actor": after.worker or "worker",
            "reason": reason,
        }
        self._write(_EVENT, row)

    def _tell(self, kind: str, attempt: Attempt, news: dict[str, Any]) -> None:
        payload = {
            "attempt_id": attempt.attempt_id,
            "task_id": attempt.ti.task_id,
            "map_index": attempt.ti.map_index,
            "fence": attempt.fence,
            **news,
        }
        row = {"kind": kind, "run_pk": attempt.ti.run_pk, "payload": payload, "at": self.now}
        self._write(_INBOX, row)

    def _write(self, statement: Prepared, row: Params) -> None:
        self._rows.setdefault(statement, []).append(row)


def _shelved(db: Database, moves: Sequence[Move]) -> dict[tuple[int, str], XComWrite]:
    """Bring the large XComs of moves to where they are kept; return those, by place and key."""
    shelf = db.shelf
    if shelf is None:
        return {}
    large = [
        (i, move, key, value)
        for i, move in enumerate(moves)
        for key, value in _values(move)
        if len(value) > shelf.limit_bytes
    ]
    if not large:
        return {}
    # An attempt's task instance never changes: this may be read before the rows are locked.
    with db.read() as conn:
        found = {
            row.attempt_id: TiKey(row.run_pk, row.task_id, row.map_index)
            for row in conn.execute(
                select(
                    table.c.attempt_id, table.c.run_pk, table.c.task_id, table.c.map_index
                ).where(table.c.attempt_id.in_({move.attempt_id for _, move, _, _ in large}))
            )
        }
    known = [each for each in large if each[1].attempt_id in found]
    writes = [
        XComWrite(ti=found[move.attempt_id], attempt_id=move.attempt_id, key=key, value=value)
        for _, move, key, value in known
    ]
    places = [(i, key) for i, _, key, _ in known]
    return dict(zip(places, shelf.shelve(writes), strict=True))


def _values(move: Move) -> tuple[tuple[str, bytes], ...]:
    if isinstance(move, EndMove):
        return move.xcoms
    if isinstance(move, XComMove) and move.value is not None:
        return ((move.key, move.value),)
    return ()
