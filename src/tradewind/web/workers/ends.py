"""What the end of a remote attempt writes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tradewind.actions.asset_events import writes_of
from tradewind.errors import Fenced
from tradewind.model.outcome import Succeeded, Vanished
from tradewind.model.state import AttemptState
from tradewind.store import attempts
from tradewind.store.attempts import EndMove
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.turn import AssetEventWrite
from tradewind.wire.messages import Finish

FENCED = "this attempt is no longer the current one"

_encode = msgspec.json.Encoder().encode


def end_move(db: Database, message: Finish, now: datetime) -> EndMove:
    """Return the move that records an outcome with everything that commits together with it.

    Raises:
        Fenced: there is no such attempt any more.
    """
    outcome = message.outcome
    return EndMove(
        attempt_id=message.attempt_id,
        nonce=message.nonce,
        outcome=_encode(outcome),
        after=AttemptState.LOST if isinstance(outcome, Vanished) else AttemptState.DONE,
        mapped_length=message.mapped_length,
        returned=message.returned,
        xcoms=tuple((x.key, x.value) for x in message.xcoms),
        asset_events=_asset_events(db, message, now),
        rendered=message.rendered_fields,
        map_index_label=message.rendered_map_index,
        exit_code=message.exit_code,
        exit_signal=message.exit_signal,
        reason=getattr(outcome, "reason", None) or getattr(outcome, "error", None),
    )


def _asset_events(db: Database, message: Finish, now: datetime) -> tuple[AssetEventWrite, ...]:
    if not message.asset_events or not isinstance(message.outcome, Succeeded):
        return ()
    row = attempts.get(db, message.attempt_id)
    run = scheduling.run(db, row.ti.run_pk) if row is not None else None
    if row is None or run is None:
        raise Fenced(FENCED)
    return writes_of(message.asset_events, row.ti, run, now)
