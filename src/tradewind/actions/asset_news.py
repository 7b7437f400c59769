"""Tell by hand that an asset changed, or have it made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.clock import Clock
from tradewind.errors import UserError
from tradewind.store import inbox
from tradewind.store.assets import insert_event
from tradewind.store.connect import Database
from tradewind.store.read.asset_list import AssetRow
from tradewind.store.signal import Signal
from tradewind.store.turn import AssetEventWrite


def tell(
    db: Database, signal: Signal, clock: Clock, asset: AssetRow, extra: Mapping[str, Any]
) -> int:
    """Write an event of an asset, as a task that made it would; return its id.

    The DAGs that wait for it run as after any other event. `from_rest_api` in its extra says
    where it is from, as in Airflow.
    """
    now = clock.now()
    event = AssetEventWrite(
        name=asset.name, uri=asset.uri, at=now, extra={**extra, "from_rest_api": True}
    )
    with db.write() as conn:
        event_id = insert_event(conn, event)
        assert event_id is not None  # only an event with a key can be there already
        inbox.append(conn, "assets_changed", None, {}, now)
    signal.ring()
    return event_id


def maker_of(asset: AssetRow) -> str:
    """Return the one DAG that makes an asset, of those that are told of it.

    Raises:
        UserError: there is none, or more than one.
    """
    makers = sorted({r.dag_id for r in asset.references if r.role == "outlet"})
    if not makers:
        raise UserError(f"no DAG makes asset {asset.name!r}: none names it as an outlet")
    if len(makers) > 1:
        named = ", ".join(makers)
        raise UserError(f"several DAGs make asset {asset.name!r} ({named}); trigger one of them")
    return makers[0]
