"""LatestOnlyOperator: skip what is below in runs that catch up with the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tradewind.model.schedule import Custom
from tradewind.schedule.due import LastRun, Window, due
from tradewind.sdk import build, current
from tradewind.sdk.dag_run import DagRunType
from tradewind.sdk.operators.branch import BaseBranchOperator


class LatestOnlyOperator(BaseBranchOperator):
    """Go on only in the latest run of the schedule; else skip the tasks directly below.

    A run is the latest until the next one is due. A run that somebody triggered goes on.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Any) -> str | Iterable[str] | None:
        """Return all tasks below, or none."""
        run = context["dag_run"]
        everything = sorted(context["task"].downstream_task_ids)
        if run.run_type in {DagRunType.MANUAL, DagRunType.OPERATOR_TRIGGERED}:
            self.log.info("somebody triggered this run: goes on")
            return everything
        until = _next_due(context)
        if until is None or current.waiter().now() <= until:
            self.log.info("this is the latest run: goes on")
            return everything
        self.log.info("a later run was due at %s: stops here", until.isoformat())
        return []


def _next_due(context: Any) -> datetime | None:
    """Return when the run after this one is due; None when there is none, or nobody knows."""
    spec = build.to_spec(context["dag"])
    if isinstance(spec.schedule, Custom):
        return None  # its times are the timetable's own affair
    run = context["ti"].assignment.run
    last = LastRun(
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_after=run.run_after,
    )
    window = Window(start_date=spec.start_date, end_date=spec.end_date, catchup=True)
    found = due(spec.schedule, window, last, current.waiter().now())
    return None if found is None else found.run_after
