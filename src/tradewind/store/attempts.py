"""Attempt rows: reading one, and the moves that remote workers make.

A local worker's messages reach the leader over its socket, and the leader writes them with
its turn. A remote worker speaks to an API server, which may be any of several; it moves the
attempt's row itself by compare-and-set on (attempt id, state, nonce) and tells the leader
through the inbox, in the same transaction. What the move means for the task instance is the
leader's decision.

Every write on behalf of an attempt first locks its row and checks the nonce, so that nothing
that a lost attempt sends after its loss is ever seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from tradewind.errors import Fenced, NotFound
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import Attempt
from tradewind.model.state import AttemptState
from tradewind.store import assets, inbox, rows, tables
from tradewind.store.connect import Database
from tradewind.store.dialect import insert_or_replace
from tradewind.store.tables import attempt as table
from tradewind.store.turn import AssetEventWrite, XComWrite


def get(db: Database, attempt_id: AttemptId) -> Attempt | None:
    """Return one attempt."""
    with db.read() as conn:
        row = _find(conn, attempt_id)
    return rows.to_attempt(row) if row else None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a remote worker says when its attempt ends.

    outcome: JSON of the outcome. xcoms, asset_events, rendered: what commits with it.
    """

    attempt_id: AttemptId
    nonce: str
    after: AttemptState = AttemptState.DONE
    outcome: bytes
    mapped_length: int | None = None
    returned: bool = False
    xcoms: tuple[tuple[str, bytes], ...] = ()
    asset_events: tuple[AssetEventWrite, ...] = ()
    rendered: bytes | None = None
    map_index_label: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    reason: str | None = None


def claim(
    db: Database, attempt_id: AttemptId, claim_token: str, nonce: str, worker: str, now: datetime
) -> Attempt:
    """Move an attempt from queued to running; the same nonce again is the same claim.

    Raises:
        NotFound: there is no such attempt.
        Fenced: another worker has it, it is over, or the token is not its own.
    """
    with db.write() as conn:
        row = _locked(conn, attempt_id)
        mine = row["claim_token"] == claim_token
        if mine and row["state"] == AttemptState.RUNNING and row["nonce"] == nonce:
            return rows.to_attempt(row)
        if not mine or row["state"] != AttemptState.QUEUED:
            raise Fenced(f"attempt {attempt_id} cannot be claimed: it is {row['state']}")
        move = {"nonce": nonce, "worker": rows.plain(worker), "claimed_at": now, "hb_counter": 1}
        _move(conn, row, AttemptState.RUNNING, move, now)
        body = {"attempt_id": attempt_id, "nonce": nonce, "worker": worker}
        inbox.append(conn, "claimed", row["run_pk"], body, now)
        return rows.to_attempt({**row, **move, "state": AttemptState.RUNNING.value})


def beat(db: Database, running: Sequence[tuple[AttemptId, str]]) -> list[AttemptId]:
    """Note that attempts are alive; return those that are not current and must be stopped.

    Args:
        db: the database.
        running: (attempt id, nonce) of each.
    """
    fenced: list[AttemptId] = []
    with db.write() as conn:
        for attempt_id, nonce in running:
            beaten = conn.execute(
                update(table)
                .where(
                    table.c.attempt_id == attempt_id,
                    table.c.nonce == nonce,
                    table.c.state == AttemptState.RUNNING.value,
                )
                .values(hb_counter=table.c.hb_counter + 1)
            )
            if beaten.rowcount == 0:
                fenced.append(attempt_id)
    return fenced


def finish(db: Database, report: Report, now: datetime) -> bool:
    """Record an attempt's end with everything that commits with it; tell the leader.

    Returns:
        whether it was new: the same report again changes nothing and is no error.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the attempt is not this worker's any more.
    """
    with db.read() as conn:
        seen = _find(conn, report.attempt_id)
    writes = _xcom_writes(db, seen, report) if seen is not None else []
    with db.write() as conn:
        row = _locked(conn, report.attempt_id)
        if row["state"] == report.after and row["nonce"] == report.nonce:
            return False
        _require_running(row, report.nonce)
        move = {
            "outcome": report.outcome,
            "exit_code": report.exit_code,
            "exit_signal": report.exit_signal,
            "reason": rows.plain(report.reason),
            "ended_at": now,
        }
        _move(conn, row, report.after, move, now)
        _put_xcoms(conn, writes, now)
        if report.rendered is not None:
            _put_rendered(conn, row, report.rendered, report.map_index_label)
        for event in report.asset_events:
            assets.insert_event(conn, event)
        body = {
            "attempt_id": report.attempt_id,
            "outcome": msgspec.Raw(report.outcome),
            "mapped_length": report.mapped_length,
            "returned": report.returned,
            "asset_events": len(report.asset_events),
        }
        inbox.append(conn, "reported", row["run_pk"], body, now)
    return True


def put_xcom(
    db: Database, attempt_id: AttemptId, nonce: str, key: str, value: bytes, now: datetime
) -> None:
    """Write an XCom of a running attempt's task instance.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the attempt is not this worker's any more.
    """
    with db.read() as conn:
        seen = _find(conn, attempt_id)
    if seen is None:
        raise NotFound(f"there is no attempt {attempt_id}")
    writes = _shelved(db, [XComWrite(ti=_ti(seen), attempt_id=attempt_id, key=key, value=value)])
    with db.write() as conn:
        _require_running(_locked(conn, attempt_id), nonce)
        _put_xcoms(conn, writes, now)


def delete_xcom(db: Database, attempt_id: AttemptId, nonce: str, key: str) -> None:
    """Remove an XCom of a running attempt's task instance.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the attempt is not this worker's any more.
    """
    xcom = tables.xcom
    with db.write() as conn:
        row = _locked(conn, attempt_id)
        _require_running(row, nonce)
        conn.execute(
            xcom.delete().where(*rows.ti_is(xcom, _ti(row)), xcom.c.key == rows.plain(key))
        )


def put_rendered(db: Database, attempt_id: AttemptId, nonce: str, fields: bytes) -> None:
    """Write the rendered fields of a running attempt.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the attempt is not this worker's any more.
    """
    with db.write() as conn:
        row = _locked(conn, attempt_id)
        _require_running(row, nonce)
        _put_rendered(conn, row, fields, None)


# ---- the steps --------------------------------------------------------------------------


def _find(conn: Connection, attempt_id: AttemptId) -> RowMapping | None:
    return (
        conn.execute(select(table).where(table.c.attempt_id == attempt_id)).mappings().one_or_none()
    )


def _locked(conn: Connection, attempt_id: AttemptId) -> RowMapping:
    row = (
        conn.execute(select(table).where(table.c.attempt_id == attempt_id).with_for_update())
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"there is no attempt {attempt_id}")
    return row


def _ti(row: RowMapping) -> TiKey:
    return TiKey(row["run_pk"], row["task_id"], row["map_index"])


def _require_running(row: RowMapping, nonce: str) -> None:
    if row["state"] != AttemptState.RUNNING or row["nonce"] != nonce:
        raise Fenced


def _move(
    conn: Connection, row: RowMapping, after: AttemptState, values: dict[str, Any], now: datetime
) -> None:
    conn.execute(
        update(table)
        .where(table.c.attempt_id == row["attempt_id"], table.c.state == row["state"])
        .values(**values, state=after.value)
    )
    conn.execute(
        insert(tables.ti_event),
        {
            **rows.ti_key(_ti(row)),
            "at": now,
            "subject": "attempt",
            "fence": row["fence"],
            "try_number": row["try_number"],
            "from_state": row["state"],
            "to_state": after.value,
            "actor": values.get("worker") or row["worker"] or "worker",
            "reason": values.get("reason"),
        },
    )


def _xcom_writes(db: Database, row: RowMapping, report: Report) -> list[XComWrite]:
    return _shelved(
        db,
        [
            XComWrite(ti=_ti(row), attempt_id=report.attempt_id, key=key, value=value)
            for key, value in report.xcoms
        ],
    )


def _shelved(db: Database, writes: list[XComWrite]) -> list[XComWrite]:
    return db.shelf.shelve(writes) if db.shelf is not None else writes


def _put_xcoms(conn: Connection, writes: list[XComWrite], now: datetime) -> None:
    if writes:
        conn.execute(insert_or_replace(tables.xcom), [rows.xcom_row(w, now) for w in writes])


def _put_rendered(conn: Connection, row: RowMapping, fields: bytes, label: str | None) -> None:
    conn.execute(
        insert_or_replace(tables.rendered),
        {
            **rows.ti_key(_ti(row)),
            "attempt_id": row["attempt_id"],
            "fields": fields,
            "map_index_label": rows.plain(label),
        },
    )
