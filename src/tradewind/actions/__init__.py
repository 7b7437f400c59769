"""The verbs: trigger, clear, mark, pause, backfill.

Every change that a person, a program or a task asks for goes through here, whether it comes
from the CLI, the web or user code. A verb checks what it can without user code, writes an
event to the leader's inbox (a trigger and a backfill also insert the run, in the same
transaction) and rings; the leader does the rest. Where there is a choice of tasks, the exact
set that a dry run shows is what the event carries.
"""
