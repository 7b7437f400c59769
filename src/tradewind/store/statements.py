"""Statements that both writers of attempts run: the leader's turn, and moves of remote workers."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, update

from tradewind.store import rows, tables
from tradewind.store.batch import Prepared
from tradewind.store.dialect import insert_or_replace

_attempt, _xcom = tables.attempt, tables.xcom

CLAIM = Prepared(
    update(_attempt)
    .where(_attempt.c.attempt_id == bindparam("b_id"), _attempt.c.state == "queued")
    .values(hb_counter=1, state="running", reason=None),
    ["nonce", "worker", "claimed_at"],
)
BEAT = Prepared(
    update(_attempt)
    .where(_attempt.c.attempt_id == bindparam("b_id"), _attempt.c.state == "running")
    .values(hb_counter=_attempt.c.hb_counter + 1)
)
PUT_XCOM = Prepared(insert_or_replace(_xcom))
DROP_XCOM = Prepared(delete(_xcom).where(*rows.is_b_key(_xcom), _xcom.c.key == bindparam("b_key")))
PUT_RENDERED = Prepared(insert_or_replace(tables.rendered))
