"""Clear and mark, logs, XComs, code, versions, errors, the audit log, jobs, settings."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.unit.actions.catalog import NOW
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store import components, inbox
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.connect import Database
from tradewind.wire import logs

RUN = "/api/v2/dags/etl/dagRuns/r1"
TASK = f"{RUN}/taskInstances"


# ---- clear and mark -------------------------------------------------------------------------


def keys(answer: Any) -> list[tuple[str, int]]:
    return sorted((t["task_id"], t["map_index"]) for t in answer.json["task_instances"])


def test_a_dry_run_shows_exactly_what_is_cleared(
    world: World, admin: Client, past: History
) -> None:
    path = "/api/v2/dags/etl/clearTaskInstances"
    dry = admin.post(path, {"dag_run_id": "r1"})
    assert keys(dry) == [("b", -1)]
    assert inbox.pending(world.db, 10) == []
    assert keys(admin.post(path, {"dag_run_id": "r1", "only_failed": False})) == [
        ("a", -1),
        ("b", -1),
        ("m", 0),
        ("m", 1),
    ]
    one = {"dag_run_id": "r1", "only_failed": False, "task_ids": [["m", 1]]}
    assert keys(admin.post(path, one)) == [("m", 1)]
    below = one | {"task_ids": ["a"], "include_downstream": True}
    assert len(keys(admin.post(path, below))) == 4
    assert keys(admin.post(path, {"only_failed": True})) == [("b", -1)]
    done = admin.post(path, {"dag_run_id": "r1", "dry_run": False})
    assert keys(done) == [("b", -1)]
    (event,) = inbox.pending(world.db, 10)
    assert (event.kind, event.payload["keys"], event.payload["actor"]) == (
        "cleared",
        [["b", -1]],
        "ada",
    )
    assert admin.post(path, {"dag_run_id": "r9"}).status == 404
    assert admin.post(path, {"dag_run_id": "r1", "task_ids": ["x"]}).status == 404
    assert admin.post(path, {"dag_run_id": "r1", "only": True}).status == 422


def test_the_official_client_clears(api: ApiClient, past: History, admin: Client) -> None:
    tasks = official.TaskInstanceApi(api)
    body = official.ClearTaskInstancesBody(dag_run_id="r1", dry_run=True)
    assert [t.task_id for t in tasks.post_clear_task_instances("etl", body).task_instances] == ["b"]
    runs = official.DagRunApi(api)
    # (The client cannot read a dry run's answer, whoever gives it: two of its models fit.)
    dry = admin.post(f"{RUN}/clear", {}).json
    assert dry["total_entries"] == len(dry["task_instances"]) == 4
    again = official.DAGRunClearBody(dry_run=False, note="again")
    done: Any = runs.clear_dag_run("etl", "r1", again).actual_instance
    assert done.note == "again"


def test_a_mark_reaches_the_leader(world: World, admin: Client, past: History) -> None:
    body = {"new_state": "success"}
    assert keys(admin.patch(f"{TASK}/b/dry_run", body)) == [("b", -1)]
    assert inbox.pending(world.db, 10) == []
    assert keys(admin.patch(f"{TASK}/b", body)) == [("b", -1)]
    assert keys(admin.patch(f"{TASK}/m/1", {"new_state": "failed"})) == [("m", 1)]
    kinds = [(e.kind, e.payload["keys"]) for e in inbox.pending(world.db, 10)]
    assert kinds == [("marked", [["b", -1]]), ("marked", [["m", 1]])]
    assert admin.patch(f"{TASK}/m/7", body).status == 404
    assert admin.patch(f"{TASK}/x", body).status == 404
    assert admin.patch(f"{TASK}/b", {"new_state": "running"}).status == 422
    assert admin.patch(f"{TASK}/b", {}).status == 422
    assert admin.patch(f"{RUN}/taskGroupInstances/g", body).status == 404


# ---- logs (S9) ------------------------------------------------------------------------------


@pytest.fixture
def log_file(world: World, past: History) -> Path:
    root = world.config.logging.base_log_folder
    folder = logs.instance_folder(root, "etl", "r1", "b")
    path = logs.segment_path(folder, 1, 1)
    for number in range(3):
        logs.append(root, path, f"line {number} <b>", NOW)
    return path


def test_the_official_client_reads_a_log(api: ApiClient, log_file: Path) -> None:
    found = official.TaskInstanceApi(api).get_log("etl", "r1", "b", 1, accept="application/json")
    assert isinstance(found, official.TaskInstancesLogResponse)
    lines: Any = found.content.actual_instance
    assert [line.event for line in lines] == ["line 0 <b>", "line 1 <b>", "line 2 <b>"]
    assert found.continuation_token is None


def test_a_log_is_read_piece_by_piece(admin: Client, log_file: Path, world: World) -> None:
    with log_file.open("ab") as handle:
        for number in range(20_000):
            handle.write(logs.line_of(NOW, "info", "stdout", f"more {number} {'x' * 60}"))
    events: list[str] = []
    token: str | None = ""
    pieces = 0
    while token is not None:
        answer = admin.get(f"{TASK}/b/logs/1?token={token}").json
        events += [line["event"].split()[1] for line in answer["content"]]
        token, pieces = answer["continuation_token"], pieces + 1
    assert pieces > 3
    assert events[3:] == [str(n) for n in range(20_000)]


def test_other_forms_of_a_log(admin: Client, log_file: Path) -> None:
    lines = admin.get(f"{TASK}/b/logs/1", accept="application/x-ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert len(lines.text.splitlines()) == 3
    plain = admin.get(f"{TASK}/b/logs/1", accept="text/plain")
    assert "line 1 <b>" in plain.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert admin.get(f"{TASK}/b/logs/9").status == 404
    assert admin.get(f"{TASK}/b/logs/x").status == 422
    assert admin.get(f"{TASK}/b/logs/1?token=zzz").status == 422
    assert admin.get(f"{TASK}/b/logs/1?map_index=3").status == 404
    assert admin.get(f"{TASK}/a/logs/1").json["content"] == []


def test_what_a_task_puts_in_its_logs_place_is_not_followed(
    admin: Client, log_file: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "shadow"
    secret.write_text("root:canary\n")
    traps = (
        partial(log_file.symlink_to, secret),
        partial(os.link, secret, log_file),
        partial(os.mkfifo, log_file),
    )
    for trap in traps:
        log_file.unlink()
        trap()
        answer = admin.get(f"{TASK}/b/logs/1")
        assert answer.status == 200
        assert "canary" not in answer.text
    for path in (
        f"{RUN}/taskInstances/..%2F..%2Fb/logs/1",
        "/api/v2/dags/..%2F..%2Fetc/dagRuns/r1/taskInstances/b/logs/1",
        "/api/v2/dags/etl/dagRuns/%2Fetc%2Fpasswd/taskInstances/b/logs/1",
        f"{TASK}/b%00/logs/1",
    ):
        assert admin.get(path).status == 404


# ---- XComs (S2 on the way in) -----------------------------------------------------------------


def test_the_official_client_reads_and_writes_xcoms(api: ApiClient, past: History) -> None:
    xcoms = official.XComApi(api)
    found = xcoms.get_xcom_entries("etl", "r1", "a")
    assert [(x.key, x.task_id) for x in found.xcom_entries] == [("return_value", "a")]
    assert xcoms.get_xcom_entries("~", "~", "~").total_entries == 2
    one: Any = xcoms.get_xcom_entry("etl", "a", "r1", "return_value").actual_instance
    assert one.value == {"rows": 3}
    made = xcoms.create_xcom_entry("etl", "b", "r1", official.XComCreateBody(key="k", value=[1]))
    assert made.value == [1]
    body = official.XComUpdateBody(value="text")
    assert xcoms.update_xcom_entry("etl", "b", "r1", "k", body).value == "text"
    xcoms.delete_xcom_entry("etl", "b", "r1", "k")
    with pytest.raises(ApiException) as caught:
        xcoms.get_xcom_entry("etl", "b", "r1", "k")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "value",
    [
        {"__classname__": "builtins.eval", "__data__": "1"},
        [{"deep": {"__type": "x"}}],
        {"__var": 1},
        {"a": [{"__serialized__": 1}]},
    ],
)
def test_an_object_cannot_be_smuggled_in(admin: Client, past: History, value: Any) -> None:
    assert admin.post(f"{TASK}/b/xcomEntries", {"key": "k", "value": value}).status == 422
    assert admin.post(f"{TASK}/b/xcomEntries", {"key": "k", "value": 1}).status == 201
    assert admin.patch(f"{TASK}/b/xcomEntries/k", {"value": value}).status == 422


# ---- what is there --------------------------------------------------------------------------


def test_tasks_and_versions(api: ApiClient, past: History, admin: Client) -> None:
    found = official.TaskApi(api).get_tasks("etl")
    assert [t.task_id for t in found.tasks] == ["a", "b", "m"]
    assert found.tasks[0].downstream_task_ids == ["b", "m"]
    assert found.tasks[2].is_mapped is True
    assert official.TaskApi(api).get_task("etl", "b").retries == 1
    versions = official.DagVersionApi(api)
    assert [v.version_number for v in versions.get_dag_versions("etl").dag_versions] == [1]
    assert versions.get_dag_versions("~").total_entries == 2
    assert versions.get_dag_version("etl", 1).dag_id == "etl"
    assert admin.get("/api/v2/dags/etl/dagVersions/9").status == 404
    assert admin.get("/api/v2/dagSources/etl").status == 404
    assert admin.get("/api/v2/dags/etl/tasks?order_by=x").status == 400


def test_import_errors_are_shown_to_who_may_see_the_files_dags(
    world: World, api: ApiClient, past: History, narrow: Client
) -> None:
    broken = [
        PublishedFile(dag_file=name, source_hash="x", import_error=trace, parsed_at=NOW)
        for name, trace in (("dags.py", "Traceback: shared"), ("new.py", "Traceback: new"))
    ]
    publish(world.db, broken, NOW)
    errors = official.ImportErrorApi(api)
    found = errors.get_import_errors(order_by=["filename"])
    assert [(e.filename, e.stack_trace) for e in found.import_errors] == [
        ("dags.py", "Traceback: shared"),
        ("new.py", "Traceback: new"),
    ]
    first = found.import_errors[0]
    assert errors.get_import_error(first.import_error_id).filename == "dags.py"
    assert errors.get_import_errors(filename_pattern="NEW").total_entries == 1
    # The file also defines a DAG that this one may not see.
    assert narrow.get("/api/v2/importErrors").json["total_entries"] == 0
    assert narrow.get(f"/api/v2/importErrors/{first.import_error_id}").status == 404
    assert official.DagWarningApi(api).list_dag_warnings().total_entries == 0


def test_the_audit_log_shows_what_may_be_seen(
    world: World, api: ApiClient, past: History, admin: Client, narrow: Client
) -> None:
    for dag_id in ("etl", "other"):
        assert admin.patch(f"/api/v2/dags/{dag_id}", {"is_paused": True}).status == 200
    logs_api = official.EventLogApi(api)
    found = logs_api.get_event_logs(event="patch_dag", order_by=["dag_id"])
    assert [(e.dag_id, e.owner) for e in found.event_logs] == [("etl", "ada"), ("other", "ada")]
    assert logs_api.get_event_log(found.event_logs[0].event_log_id).event == "patch_dag"
    assert logs_api.get_event_logs(included_events=["patch_dag"], dag_id="etl").total_entries == 1
    assert logs_api.get_event_logs(excluded_events=["patch_dag"], dag_id="etl").total_entries == 0
    mine = narrow.get("/api/v2/eventLogs").json["event_logs"]
    assert {e["dag_id"] for e in mine} == {"etl", None}
    hidden = found.event_logs[1].event_log_id
    assert narrow.get(f"/api/v2/eventLogs/{hidden}").status == 404
    viewer = world.person("vito", Role.VIEWER)
    seen = viewer.get("/api/v2/eventLogs").json["event_logs"]
    assert {e["dag_id"] for e in seen} == {"etl", "other"}


def test_jobs_plugins_providers_and_settings(
    world: World, api: ApiClient, lite: Database, tmp_path: Path, admin: Client
) -> None:
    components.register(world.db, "scheduler", NOW)
    gone = components.register(world.db, "dag_processor", NOW)
    components.stop(world.db, gone, NOW)
    jobs = official.JobApi(api)
    assert [j.job_type for j in jobs.get_jobs(is_alive=True).jobs] == ["SchedulerJob"]
    assert [j.state for j in jobs.get_jobs(job_type="DagProcessorJob").jobs] == ["success"]
    assert jobs.get_jobs(job_state="failed").total_entries == 0
    assert official.PluginApi(api).get_plugins().total_entries == 0
    assert official.PluginApi(api).import_errors().total_entries == 0
    assert official.ProviderApi(api).get_providers().total_entries == 0
    assert admin.get("/api/v2/config").status == 403
    url = "postgresql://u:canary@db/x"
    open_world = World(lite, tmp_path / "home", api__expose_config="true")
    assert url not in (shown := Client(open_world.app, admin.headers).get("/api/v2/config").text)
    assert '"max_body_bytes"' in shown
    one = Client(open_world.app, admin.headers).get("/api/v2/config/section/api/option/port")
    assert one.json["sections"][0]["options"] == [{"key": "port", "value": "8080"}]
