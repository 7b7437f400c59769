"""Compare the runs that an Airflow created with those that Tradewind would have created.

Pure: schedules and Airflow's runs in, a verdict for each DAG out, with its reason. Only what a
clock decides is compared; what assets, people or code of a DAG's own decide is not, and the
verdict says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from tradewind.model.schedule import (
    AssetOrTime,
    AssetTriggered,
    Continuous,
    Custom,
    NoSchedule,
    Once,
    ScheduleSpec,
)
from tradewind.model.spec import DagSpec
from tradewind.schedule import Due, LastRun, Window, due
from tradewind.store.airflow_db.schedules import AirflowDag, ScheduledRun

MOST_RUNS = 10_000
"""Runs of one DAG that are computed: a minutely DAG's of a week."""


class Verdict(StrEnum):
    """What the comparison of a DAG came to."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a DAG.

    same: how many runs agree. only_airflow, only_here: runs that the other has not. shifted: runs
    at the same time with other dates, Airflow's first.
    """

    dag_id: str
    verdict: Verdict
    reason: str = ""
    same: int = 0
    only_airflow: tuple[ScheduledRun, ...] = ()
    only_here: tuple[ScheduledRun, ...] = ()
    shifted: tuple[tuple[ScheduledRun, ScheduledRun], ...] = ()


class Span(msgspec.Struct, frozen=True):
    """The time that is compared, both ends included."""

    since: datetime
    until: datetime


def compare_all(
    specs: Mapping[str, DagSpec],
    broken: Mapping[str, str],
    dags: Iterable[AirflowDag],
    span: Span,
) -> list[Compared]:
    """Return the verdict on every DAG that either has, by DAG id.

    Args:
        specs: the DAGs of the folder, by id.
        broken: files that do not load, with the error.
        dags: Airflow's DAGs.
        span: which runs are compared.
    """
    theirs = {dag.dag_id: dag for dag in dags}
    return [
        _compare(dag_id, specs.get(dag_id), broken, theirs.get(dag_id), span)
        for dag_id in sorted(specs.keys() | theirs.keys())
    ]


def _compare(
    dag_id: str,
    spec: DagSpec | None,
    broken: Mapping[str, str],
    dag: AirflowDag | None,
    span: Span,
) -> Compared:
    reason = _not_comparable(spec, broken, dag)
    if spec is None or dag is None or reason is not None:
        return Compared(dag_id=dag_id, verdict=Verdict.NOT_COMPARED, reason=reason or "")
    here = {run.run_after: run for run in expected(spec, dag.before, span)}
    there = {run.run_after: run for run in dag.runs}
    both = sorted(here.keys() & there.keys())
    shifted = tuple((there[at], here[at]) for at in both if there[at] != here[at])
    only_airflow = tuple(there[at] for at in sorted(there.keys() - here.keys()))
    only_here = tuple(here[at] for at in sorted(here.keys() - there.keys()))
    differs = shifted or only_airflow or only_here
    return Compared(
        dag_id=dag_id,
        verdict=Verdict.DIFFERENT if differs else Verdict.SAME,
        reason=_why(dag, shifted, only_airflow, only_here) if differs else "",
        same=len(both) - len(shifted),
        only_airflow=only_airflow,
        only_here=only_here,
        shifted=shifted,
    )


def _not_comparable(
    spec: DagSpec | None, broken: Mapping[str, str], dag: AirflowDag | None
) -> str | None:
    if spec is None and broken:
        return f"it is not in the folder, or in a file that does not load: {', '.join(broken)}"
    if spec is None:
        return "it is not in the folder"
    if dag is None:
        return "Airflow has no such DAG"
    if dag.paused:
        return "it is paused in Airflow, which creates no runs of it"
    schedule = spec.schedule.time if isinstance(spec.schedule, AssetOrTime) else spec.schedule
    return _NO_CLOCK.get(type(schedule))


_NO_CLOCK: dict[type[ScheduleSpec], str] = {
    NoSchedule: "it has no schedule",
    AssetTriggered: "assets start it, no clock",
    Once: "it runs once",
    Continuous: "it runs whenever the last run has ended",
    Custom: "its timetable is code of its own; compare `tradewind dags next-execution`",
}


def expected(spec: DagSpec, before: ScheduledRun | None, span: Span) -> list[ScheduledRun]:
    """Return the runs that Tradewind would create in a span, each as soon as it is due.

    Args:
        spec: the DAG.
        before: the last run before the span, after which the schedule goes on.
        span: the time.
    """
    window = Window(
        start_date=spec.start_date,
        end_date=spec.end_date,
        catchup=spec.catchup,
        since=span.since,
    )
    last = None if before is None else _last(before)
    now, found = span.since, []
    for _ in range(MOST_RUNS):
        following = due(spec.schedule, window, last, now)
        if following is None or following.run_after > span.until:
            break
        run = _run(following)
        last, now = _last(run), max(now, run.run_after)
        if run.run_after >= span.since:
            found.append(run)
    return found


def _run(found: Due) -> ScheduledRun:
    return ScheduledRun(
        run_after=found.run_after,
        logical_date=found.logical_date,
        interval_start=found.interval_start,
        interval_end=found.interval_end,
    )


def _last(run: ScheduledRun) -> LastRun:
    return LastRun(
        logical_date=run.logical_date,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        run_after=run.run_after,
    )


def _why(
    dag: AirflowDag,
    shifted: Sequence[tuple[ScheduledRun, ScheduledRun]],
    only_airflow: Sequence[ScheduledRun],
    only_here: Sequence[ScheduledRun],
) -> str:
    """Return the likeliest reason for a difference, and what to look at."""
    if shifted and all(_covers(there) != _covers(here) for there, here in shifted):
        meant = 2 if _covers(shifted[0][0]) else 3
        return (
            f"the schedule is meant as in Airflow {meant}: write `# tradewind: airflow={meant}` "
            f"into the file, or set core.airflow_semantics = {meant}"
        )
    if shifted:
        return "the runs have other dates; was the schedule changed in the span?"
    if only_airflow and only_here:
        return "the times differ: is this the schedule and time zone that Airflow ran with?"
    if only_airflow:
        return "Airflow ran it more often: compare start_date, end_date, catchup and the schedule"
    newest = max((run.run_after for run in (*dag.runs, *filter(None, [dag.before]))), default=None)
    if newest is None or all(run.run_after > newest for run in only_here):
        return (
            "Airflow has not come so far: was its scheduler off, is max_active_runs reached, "
            "or was the DAG paused?"
        )
    return "Airflow left some out: its scheduler was off, or the DAG paused, and catchup is off"


def _covers(run: ScheduledRun) -> bool:
    """Tell whether a run's data interval has a length."""
    return run.interval_start != run.interval_end
