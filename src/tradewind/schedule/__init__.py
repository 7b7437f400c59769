"""Compute with schedules: which run comes next, when, and over which data interval.

Pure functions of (schedule, dates, last run, now). Times are aware UTC everywhere; a time
zone matters only inside a cron expression: `cron.py` walks the matches of a wall clock,
`times.py` carries them over to UTC through the changes of the clock, `due.py` picks the run.

What this package does not know: whether a DAG is paused, how many runs may be active, and
what a user's own timetable answers (its next times are stored, and handed to `due`).
"""

from tradewind.schedule.cron import PRESETS
from tradewind.schedule.describe import describe, in_words
from tradewind.schedule.due import (
    Due,
    LastRun,
    Window,
    due,
    manual_interval,
    times_of,
    upcoming,
)
from tradewind.schedule.names import run_id
from tradewind.schedule.validate import validate

__all__ = [
    "PRESETS",
    "Due",
    "LastRun",
    "Window",
    "describe",
    "due",
    "in_words",
    "manual_interval",
    "run_id",
    "times_of",
    "upcoming",
    "validate",
]
