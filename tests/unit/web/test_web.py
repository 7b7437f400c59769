from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from tests.unit.actions.catalog import NOW, FixedClock, Leader, bell, dag, drain, published
from tests.unit.web.asgi import Answer, call
from tradewind.model.run import TaskInstance
from tradewind.model.schedule import CronTrigger
from tradewind.model.spec import ParamSpec
from tradewind.model.state import TaskState
from tradewind.store import components
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.connect import Database, open_database
from tradewind.store.read import runs
from tradewind.web.app import build_app
from tradewind.web.health import Thresholds

LIMITS = Thresholds(scheduler_s=30, triggerer_s=30, dag_processor_s=30)


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    db = open_database(sqlite_url)
    yield db
    db.close()


@pytest.fixture
def app(lite: Database) -> Starlette:
    return build_app(lite, bell(lite), FixedClock(), LIMITS)


def trigger(app: Starlette, dag_id: str = "etl", **body: Any) -> Answer:
    return call(app, "POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, **body})


# ---- health -----------------------------------------------------------------------------


def test_health_has_airflows_shape(app: Starlette, lite: Database) -> None:
    components.register(lite, "scheduler", NOW - timedelta(seconds=5))
    components.register(lite, "dag_processor", NOW - timedelta(seconds=31))
    answer = call(app, "GET", "/api/v2/monitor/health")
    assert answer.status == 200
    assert answer.json == {
        "metadatabase": {"status": "healthy"},
        "scheduler": {
            "status": "healthy",
            "latest_scheduler_heartbeat": "2026-03-10T11:59:55Z",
        },
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        "dag_processor": {
            "status": "unhealthy",
            "latest_dag_processor_heartbeat": "2026-03-10T11:59:29Z",
        },
    }
    assert call(app, "GET", "/health").json == answer.json


def test_it_is_ready_when_all_that_is_needed_is(app: Starlette, lite: Database) -> None:
    components.register(lite, "scheduler", NOW)
    assert call(app, "GET", "/readyz").status == 503
    processor = components.register(lite, "dag_processor", NOW)
    assert call(app, "GET", "/readyz").status == 200
    components.stop(lite, processor, NOW)
    assert call(app, "GET", "/readyz").status == 503
    assert call(app, "GET", "/livez").status == 200


def test_a_broken_database_is_unhealthy(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/empty.db")
    app = build_app(db, bell(db), FixedClock(), LIMITS)
    answer = call(app, "GET", "/api/v2/monitor/health")
    assert answer.status == 200
    assert answer.json["metadatabase"]["status"] == "unhealthy"
    assert call(app, "GET", "/").status == 503
    db.close()


# ---- runs -------------------------------------------------------------------------------


def test_a_run_is_triggered_and_read_back(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    answer = trigger(app, dag_run_id="mine", conf={"x": 1}, note="n")
    assert answer.status == 200
    assert answer.json["dag_run_id"] == "mine"
    assert answer.json["state"] == "queued"
    assert answer.json["conf"] == {"x": 1}
    assert answer.json["triggered_by"] == "rest_api"
    assert answer.json["logical_date"] is None
    [event] = drain(lite)
    assert event.kind == "run_created"
    assert call(app, "GET", "/api/v2/dags/etl/dagRuns/mine").json == answer.json
    listed = call(app, "GET", "/api/v2/dags/etl/dagRuns").json
    assert listed == {"dag_runs": [answer.json], "total_entries": 1}
    assert call(app, "GET", "/api/v2/dags/~/dagRuns").json == listed
    assert call(app, "GET", "/api/v2/dags/etl/dagRuns?state=failed").json["total_entries"] == 0


def test_dates_become_utc(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    answer = trigger(app, logical_date="2026-03-01T02:00:00+02:00")
    assert answer.json["logical_date"] == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dag_run_id": "a/b"}, 400),
        ({"surprise": 1}, 422),
        ({"conf": []}, 422),
        ({"logical_date": "2026-03-01T00:00:00"}, 422),
        ({"data_interval_start": "2026-03-01T00:00:00Z"}, 422),
        ({"conf": {"n": "x"}}, 400),
    ],
)
def test_wrong_requests_are_refused(
    app: Starlette, lite: Database, body: dict[str, Any], status: int
) -> None:
    published(lite, dag(params={"n": ParamSpec(default=1, schema={"type": "integer"})}))
    answer = trigger(app, **body)
    assert answer.status == status
    assert answer.json["detail"]
    assert runs.runs(lite) == []


def test_a_body_that_is_no_json_or_lacks_the_date_is_refused(
    app: Starlette, lite: Database
) -> None:
    published(lite, dag())
    path = "/api/v2/dags/etl/dagRuns"
    assert call(app, "POST", path, b"{").status == 422
    assert call(app, "POST", path, {}).status == 422


def test_what_is_not_there_or_there_already(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    assert trigger(app, "nope").status == 404
    assert trigger(app, dag_run_id="mine").status == 200
    assert trigger(app, dag_run_id="mine").status == 409
    for path in ("dags/nope", "dags/nope/dagRuns", "dags/etl/dagRuns/nope"):
        answer = call(app, "GET", f"/api/v2/{path}")
        assert (answer.status, "nope" in answer.json["detail"]) == (404, True)


def test_task_instances_are_listed(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    trigger(app, dag_run_id="mine")
    run_pk = runs.runs(lite)[0].run_pk
    leader = Leader(lite)
    leader.commit(
        created=[
            TaskInstance(run_pk=run_pk, task_id="a", state=TaskState.RUNNING, started_at=NOW),
            TaskInstance(run_pk=run_pk, task_id="b"),
        ]
    )
    answer = call(app, "GET", "/api/v2/dags/etl/dagRuns/mine/taskInstances").json
    assert answer["total_entries"] == 2
    assert [(t["task_id"], t["state"]) for t in answer["task_instances"]] == [
        ("a", "running"),
        ("b", None),
    ]


# ---- DAGs -------------------------------------------------------------------------------


def test_dags_are_listed_page_by_page(app: Starlette, lite: Database) -> None:
    published(lite, dag("one", tags=("x",)), dag("two"), dag("three"))
    answer = call(app, "GET", "/api/v2/dags?limit=2&offset=1").json
    assert [d["dag_id"] for d in answer["dags"]] == ["three", "two"]
    assert answer["total_entries"] == 3
    one = call(app, "GET", "/api/v2/dags?dag_id_pattern=NE").json
    assert [d["dag_id"] for d in one["dags"]] == ["one"]
    assert one["dags"][0]["tags"] == [{"name": "x", "dag_id": "one"}]
    assert call(app, "GET", "/api/v2/dags?limit=x").status == 422
    assert call(app, "GET", "/api/v2/dags?limit=-1").status == 422


def test_a_dag_is_paused(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    answer = call(app, "PATCH", "/api/v2/dags/etl", {"is_paused": True})
    assert (answer.status, answer.json["is_paused"]) == (200, True)
    assert call(app, "PATCH", "/api/v2/dags/nope", {"is_paused": True}).status == 404
    assert call(app, "PATCH", "/api/v2/dags/etl", {"is_paused": "x"}).status == 422


def broken_file() -> PublishedFile:
    error = "Traceback …\nModuleNotFoundError: No module named 'pandsa' <b>"
    return PublishedFile(dag_file="broken.py", source_hash="s", import_error=error, parsed_at=NOW)


def test_import_errors_are_listed(app: Starlette, lite: Database) -> None:
    publish(lite, [broken_file()], NOW)
    answer = call(app, "GET", "/api/v2/importErrors").json
    assert answer["total_entries"] == 1
    assert answer["import_errors"][0]["filename"] == "broken.py"


# ---- the page -----------------------------------------------------------------------------


def test_the_page_shows_what_runs(app: Starlette, lite: Database) -> None:
    nightly = CronTrigger(expressions=("0 0 * * *",))
    published(lite, dag("<etl>", description="loads & lifts", schedule=nightly), dag("idle"))
    trigger(app, "<etl>", dag_run_id="mine")
    publish(lite, [broken_file()], NOW)
    answer = call(app, "GET", "/")
    assert answer.status == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "&lt;etl&gt;" in answer.text
    assert "<etl>" not in answer.text
    assert "loads &amp; lifts" in answer.text
    assert "mine: queued" in answer.text
    assert "No module named &#x27;pandsa&#x27; &lt;b&gt;" in answer.text


def test_an_empty_page_says_what_to_do(app: Starlette) -> None:
    assert "Put a DAG file into the DAG folder" in call(app, "GET", "/").text


# ---- who may ask ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example:8080", "", "localhost.evil.example", "10.0.0.1"])
def test_other_names_are_refused(app: Starlette, host: str) -> None:
    assert call(app, "GET", "/api/v2/dags", host=host).status == 403


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:80", "[::1]"]
)
def test_the_loopback_is_answered(app: Starlette, host: str) -> None:
    assert call(app, "GET", "/api/v2/dags", host=host).status == 200


def test_a_form_of_another_site_changes_nothing(app: Starlette, lite: Database) -> None:
    published(lite, dag())
    path, body = "/api/v2/dags/etl/dagRuns", b'{"logical_date": null}'
    answer = call(app, "POST", path, body, content_type="text/plain")
    assert answer.status == 403
    assert runs.runs(lite) == []
