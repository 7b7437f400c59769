"""Pure calendars: which runs a schedule asks for, given the time.

`due` is the whole interface of the scheduler to a calendar: from the schedule, the DAG's dates
and the latest automated run it computes the next run; its `run_after` may lie in the future
and is then the time to wake up. Nothing here reads a clock.
"""

from tradewind.schedule.describe import describe
from tradewind.schedule.due import Due, LastRun, Window, due, manual_interval, upcoming
from tradewind.schedule.names import run_id
from tradewind.schedule.validate import PRESETS, validate

__all__ = [
    "PRESETS",
    "Due",
    "LastRun",
    "Window",
    "describe",
    "due",
    "manual_interval",
    "run_id",
    "upcoming",
    "validate",
]
