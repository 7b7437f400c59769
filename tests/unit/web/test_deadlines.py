"""Deadlines through the API."""

from __future__ import annotations

from tests.conformance.store_world import NOW, a_run, at
from tests.unit.web.history import History, spec
from tests.unit.web.world import Client
from tradewind.model.deadline import AverageRuntime, Deadline, DeadlineSpec, QueuedAt
from tradewind.store import catalog, deadlines
from tradewind.store.catalog import PublishedFile
from tradewind.store.read import scheduling
from tradewind.store.turn import NewRun

SPECS = (
    DeadlineSpec(reference=QueuedAt(), interval_s=90, name="soon"),
    DeadlineSpec(reference=AverageRuntime(), interval_s=-5),
)


def a_late_run(past: History, dag_id: str = "etl") -> None:
    """Give the DAG deadlines and a run that has missed the first of them."""
    both = tuple(spec(name, deadlines=SPECS) for name in ("etl", "other"))
    file = PublishedFile(dag_file="dags.py", source_hash="s2", specs=both, parsed_at=NOW)
    catalog.publish(past.world.db, [file], NOW)
    version = scheduling.latest_version(past.world.db, dag_id)
    assert version is not None
    run = a_run("late", dag_id, version_id=version.version_id)
    its = tuple(
        Deadline(run_pk=0, position=i, due_at=at(s), name=n)
        for i, s, n in ((0, 90, "soon"), (1, 120, None))
    )
    past.leader.apply(new_runs=[NewRun(run=run, deadlines=its)])
    (missed, *_) = deadlines.due(past.world.db, at(90))
    past.leader.apply(deadlines_missed=[missed.deadline_id])


def test_the_deadlines_of_a_run(admin: Client, past: History) -> None:
    a_late_run(past)
    answer = admin.get("/api/v2/dags/etl/dagRuns/late/deadlines").json
    assert answer["total_entries"] == 2
    soon, later = answer["deadlines"]
    assert (soon["alert_name"], soon["missed"]) == ("soon", True)
    assert (later["alert_name"], later["missed"]) == (None, False)
    assert soon["dag_run_id"] == "late"
    assert soon["deadline_time"].startswith(at(90).isoformat()[:19])
    assert soon["created_at"].startswith(NOW.isoformat()[:19])
    alerts = admin.get("/api/v2/dags/etl/deadlineAlerts").json["deadline_alerts"]
    assert [a["id"] for a in alerts] == [soon["alert_id"], later["alert_id"]]
    assert [(a["name"], a["reference_type"], a["interval"]) for a in alerts] == [
        ("soon", "DagRunQueuedAtDeadline", 90.0),
        (None, "AverageRuntimeDeadline", -5.0),
    ]


def test_deadlines_of_all_runs_can_be_narrowed(
    admin: Client, narrow: Client, past: History
) -> None:
    a_late_run(past)
    a_late_run(past, "other")

    def names(who: Client, path: str) -> list[tuple[str, str | None]]:
        found = who.get(f"/api/v2/dags/{path}").json["deadlines"]
        return [(d["dag_id"], d["alert_name"]) for d in found]

    assert len(names(admin, "~/dagRuns/~/deadlines")) == 4
    assert names(narrow, "~/dagRuns/~/deadlines?missed=true") == [("etl", "soon")]
    assert names(admin, "etl/dagRuns/~/deadlines?order_by=-deadline_time") == [
        ("etl", None),
        ("etl", "soon"),
    ]
    assert names(admin, "etl/dagRuns/r1/deadlines") == []


def test_what_is_not_there_is_said(admin: Client, narrow: Client, past: History) -> None:
    a_late_run(past)
    for path, status in {
        "etl/dagRuns/none/deadlines": 404,
        "~/dagRuns/late/deadlines": 400,
        "none/deadlineAlerts": 404,
        "etl/deadlineAlerts?version_number=9": 404,
        "etl/dagRuns/late/deadlines?order_by=nothing": 400,
    }.items():
        assert admin.get(f"/api/v2/dags/{path}").status == status, path
    assert narrow.get("/api/v2/dags/other/deadlineAlerts").status in {403, 404}
