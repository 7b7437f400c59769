"""Run ids, in Airflow's form: "<type>__<time>", with a suffix where the time is not unique."""

from __future__ import annotations

from datetime import datetime

from tradewind.model.state import RunType


def run_id(run_type: RunType, at: datetime, suffix: str = "") -> str:
    """Return a run id.

    Args:
        run_type: why the run exists.
        at: the logical date or, without one, run_after.
        suffix: added after "_" when not empty.
    """
    base = f"{run_type.value}__{at.isoformat()}"
    return f"{base}_{suffix}" if suffix else base
