"""A run as user code sees it."""

from __future__ import annotations

from tradewind.model.run import Run
from tradewind.wire.messages import AssetEventInfo, RunInfo


def run_info(run: Run, consumed: tuple[AssetEventInfo, ...] = ()) -> RunInfo:
    """Return a run as user code sees it. consumed: the asset events that triggered it."""
    return RunInfo(
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type.value,
        run_after=run.run_after,
        state=run.state.value,
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        started_at=run.started_at,
        ended_at=run.ended_at,
        conf=run.conf,
        triggering_user=run.triggering_user,
        clear_number=run.clear_number,
        note=run.note,
        consumed_asset_events=consumed,
    )
