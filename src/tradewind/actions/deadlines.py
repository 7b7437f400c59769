"""Fix the deadlines of a run that is about to be made: by the leader or by a trigger."""

from __future__ import annotations

from tradewind.engine.deadlines import deadlines_of, runs_asked_for
from tradewind.model.deadline import Deadline
from tradewind.model.run import Run
from tradewind.model.spec import DagSpec
from tradewind.store.connect import Database
from tradewind.store.deadlines import durations_s


def deadlines_for(db: Database, run: Run, spec: DagSpec) -> tuple[Deadline, ...]:
    """Return the deadlines of a new run.

    Args:
        db: asked for earlier runs' durations, if a deadline counts from their average.
        run: the run as it is to be inserted.
        spec: its version of the DAG.
    """
    if not spec.deadlines:
        return ()
    count = runs_asked_for(spec.deadlines)
    took = durations_s(db, run.dag_id, count) if count else []
    return tuple(deadlines_of(run, spec.deadlines, took))
