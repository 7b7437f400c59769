from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.conformance.store_world import a_run
from tests.unit.web.history import SECRET, History
from tests.unit.web.world import Client, World
from tradewind.model.state import TaskState
from tradewind.store import audit, components

RUNNING = official.DagRunState.RUNNING
RUNS = "/api/v2/dags/etl/dagRuns"


@pytest.fixture
def run_api(api: ApiClient, past: History) -> official.DagRunApi:
    return official.DagRunApi(api)


@pytest.fixture
def task_api(api: ApiClient, past: History) -> official.TaskInstanceApi:
    return official.TaskInstanceApi(api)


# ---- runs ---------------------------------------------------------------------------------


def test_the_official_client_triggers_and_lists_runs(run_api: official.DagRunApi) -> None:
    body = official.TriggerDAGRunPostBody(
        logical_date=datetime(2026, 3, 9, tzinfo=UTC), conf={"day": "friday"}, note="by hand"
    )
    made = run_api.trigger_dag_run("etl", body)
    assert (made.state, made.run_type, made.triggered_by) == ("queued", "manual", "rest_api")
    assert (made.conf, made.note) == ({"day": "friday"}, "by hand")
    assert made.triggering_user_name == "ada"
    found = run_api.get_dag_runs("etl", order_by=["-id"])
    assert [r.dag_run_id for r in found.dag_runs] == [made.dag_run_id, "r1"]
    assert found.total_entries == 2
    assert found.dag_runs[1].dag_versions[0].version_number == 1
    assert run_api.get_dag_run("etl", made.dag_run_id).dag_run_id == made.dag_run_id
    with pytest.raises(ApiException) as caught:
        run_api.trigger_dag_run("etl", body)
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["etl", "other"]),
        ({"order_by": ["-dag_id"]}, ["other", "etl"]),
        ({"dag_id_pattern": "oth"}, ["other"]),
        ({"dag_id_prefix_pattern": "et"}, ["etl"]),
        ({"state": ["running"]}, ["etl", "other"]),
        ({"state": ["failed"]}, []),
        ({"run_type": ["manual", "backfill"]}, ["etl", "other"]),
        ({"run_type": ["scheduled"]}, []),
        ({"run_id_pattern": "R1"}, ["etl", "other"]),
        ({"run_after_gt": "2026-03-01T12:30:00.123456Z"}, []),
        ({"run_after_gte": "2026-03-01T12:30:00.123456Z"}, ["etl", "other"]),
        ({"logical_date_lt": "2030-01-01T00:00:00Z"}, []),
        ({"duration_gte": 0.0}, []),
        ({"updated_at_lte": "2020-01-01T00:00:00Z"}, []),
        ({"updated_at_gte": "2020-01-01T00:00:00Z"}, ["etl", "other"]),
        ({"conf_contains": "monday"}, ["etl", "other"]),
        ({"conf_contains": "tuesday"}, []),
        ({"dag_version": [1]}, ["etl", "other"]),
        ({"dag_version": [2]}, []),
        ({"limit": 1, "offset": 1}, ["other"]),
        ({"order_by": ["duration"]}, ["etl", "other"]),
    ],
)
def test_runs_of_all_dags_are_filtered(
    run_api: official.DagRunApi, query: dict[str, Any], expected: list[str]
) -> None:
    found = run_api.get_dag_runs("~", **query)
    assert [r.dag_id for r in found.dag_runs] == expected


def test_a_walk_with_cursors_meets_every_run_once(
    run_api: official.DagRunApi, admin: Client
) -> None:
    for _ in range(5):
        assert admin.post(RUNS, {"logical_date": None}).status == 200
    met = []
    cursor: str | None = ""
    while cursor is not None:
        found = run_api.get_dag_runs("~", cursor=cursor, limit=2)
        met += [(r.dag_id, r.dag_run_id) for r in found.dag_runs]
        cursor = found.next_cursor
    assert len(met) == len(set(met)) == 7
    assert admin.get(f"{RUNS}?cursor=nonsense").status == 400


def test_the_batch_list(run_api: official.DagRunApi) -> None:
    body = official.DAGRunsBatchBody(dag_ids=["other", "nothing"], states=[RUNNING])
    assert [r.dag_id for r in run_api.get_list_dag_runs_batch("~", body).dag_runs] == ["other"]
    later = official.DAGRunsBatchBody(run_after_gte=datetime(2030, 1, 1, tzinfo=UTC))
    assert run_api.get_list_dag_runs_batch("~", later).dag_runs == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "logical_date"),
        ({"logical_date": "yesterday"}, 422, "logical_date"),
        ({"logical_date": "2026-03-09T00:00:00"}, 422, "time zone"),
        ({"logical_date": None, "state": "success"}, 422, "state"),
        ({"logical_date": None, "conf": {"day": 5}}, 400, "day"),
        ({"logical_date": None, "dag_run_id": "../etc"}, 400, "not allowed"),
        ({"logical_date": None, "data_interval_start": "2026-03-09T00:00:00Z"}, 422, "together"),
        ({"logical_date": "0001-01-01T00:00:00+14:00"}, 422, "logical_date"),
        ({"logical_date": None, "note": "x" * 1001}, 422, "note"),
        ({"logical_date": None, "partition_key": "p"}, 422, "partitions"),
    ],
)
def test_a_trigger_that_does_not_fit_says_why(
    admin: Client, past: History, body: dict[str, Any], status: int, words: str
) -> None:
    answer = admin.post(RUNS, body)
    assert answer.status == status
    assert words in answer.text


def test_the_audit_log_of_a_trigger_has_no_values_of_the_conf(
    world: World, admin: Client, past: History
) -> None:
    body = {"logical_date": None, "conf": {"day": "x", "token": SECRET}}
    assert admin.post(RUNS, body).status == 200
    (entry,), _ = audit.entries(world.db, action="trigger_dag_run")
    assert entry.details["after"]["conf_keys"] == ["day", "token"]
    assert SECRET not in str(entry)


def test_a_run_is_marked_and_gets_a_note(
    run_api: official.DagRunApi, world: World, admin: Client
) -> None:
    body = official.DAGRunPatchBody(note="look at this")
    assert run_api.patch_dag_run("etl", "r1", body).note == "look at this"
    assert admin.patch(f"{RUNS}/r1", {"state": "running"}).status == 422
    assert admin.patch(f"{RUNS}/r1", {"conf": {}}).status == 422
    assert admin.patch(f"{RUNS}/r1", {"state": "failed"}).status == 200
    kept = admin.send("PATCH", f"{RUNS}/r1?update_mask=state", {"note": "no", "state": None})
    assert kept.json["note"] == "look at this"
    events = [e.action for e in audit.entries(world.db, dag_id="etl")[0]]
    assert events.count("patch_dag_run") == 3


def test_only_a_run_that_has_ended_is_removed(
    run_api: official.DagRunApi, past: History, admin: Client
) -> None:
    with pytest.raises(ApiException) as caught:
        run_api.delete_dag_run("etl", "r1")
    assert caught.value.status == 409
    past.end(past.runs["etl"])
    run_api.delete_dag_run("etl", "r1")
    assert admin.get(f"{RUNS}/r1").status == 404
    assert admin.get(f"{RUNS}/r1/taskInstances").status == 404


# ---- task instances -------------------------------------------------------------------------


def keys(found: official.TaskInstanceCollectionResponse) -> list[tuple[str, int]]:
    return [(t.task_id, t.map_index) for t in found.task_instances]


def test_the_official_client_lists_task_instances(task_api: official.TaskInstanceApi) -> None:
    found = task_api.get_task_instances("etl", "r1")
    assert keys(found) == [("a", -1), ("b", -1), ("m", 0), ("m", 1)]
    assert found.total_entries == 4
    a, b = found.task_instances[:2]
    assert (a.state, a.operator, a.pool, a.hostname) == (
        "success",
        "PythonOperator",
        "big",
        "host:1",
    )
    assert (b.state, b.try_number, b.max_tries) == ("failed", 1, 1)
    assert a.id != b.id
    assert task_api.get_task_instance("etl", "r1", "a").task_id == "a"
    assert task_api.get_mapped_task_instance("etl", "r1", "m", 1).map_index == 1
    for missing in (("etl", "r1", "nothing"), ("etl", "r9", "a"), ("etl", "r1", "m")):
        with pytest.raises(ApiException) as caught:
            task_api.get_task_instance(*missing)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"state": ["failed"]}, ["b"]),
        ({"state": ["none"]}, []),
        ({"task_id": "a"}, ["a"]),
        ({"pool": ["big"]}, ["a"]),
        ({"pool_name_pattern": "BI"}, ["a"]),
        ({"operator": ["BashOperator"]}, ["b"]),
        ({"operator_name_pattern": "python"}, ["a", "m", "m"]),
        ({"task_display_name_prefix_pattern": "b"}, ["b"]),
        ({"task_group_id": "g"}, []),
        ({"queue": ["default"]}, ["a", "b", "m", "m"]),
        ({"map_index": [1]}, ["m"]),
        ({"try_number": [2]}, []),
        ({"executor": ["LocalExecutor"]}, ["a", "b", "m", "m"]),
        ({"executor": ["CeleryExecutor"]}, []),
        ({"version_number": [1]}, ["a", "b", "m", "m"]),
        ({"duration_gt": 1.0}, []),
        ({"order_by": ["-task_id", "map_index"]}, ["m", "m", "b", "a"]),
        ({"order_by": ["-state"], "limit": 3}, ["m", "m", "a"]),
        ({"limit": 2, "offset": 1}, ["b", "m"]),
    ],
)
def test_task_instances_are_filtered(
    task_api: official.TaskInstanceApi, query: dict[str, Any], expected: list[str]
) -> None:
    found = task_api.get_task_instances("etl", "r1", **query)
    assert [t.task_id for t in found.task_instances] == expected


def test_task_instances_of_all_runs(task_api: official.TaskInstanceApi, narrow: Client) -> None:
    assert task_api.get_task_instances("~", "~").total_entries == 8
    assert task_api.get_task_instances("~", "~", pool=["big"]).total_entries == 2
    assert task_api.get_task_instances("other", "~").total_entries == 4
    met = []
    cursor: str | None = ""
    while cursor is not None:
        found = task_api.get_task_instances("~", "~", cursor=cursor, limit=3)
        met += [(t.dag_id, t.task_id, t.map_index) for t in found.task_instances]
        cursor = found.next_cursor
    assert len(met) == len(set(met)) == 8
    body = official.TaskInstancesBatchBody(
        dag_ids=["other"], state=[official.TaskInstanceState.FAILED, None]
    )
    assert [
        t.task_id for t in task_api.get_task_instances_batch("~", "~", body).task_instances
    ] == ["b"]
    own = narrow.get("/api/v2/dags/~/dagRuns/~/taskInstances").json
    assert own["total_entries"] == 4
    assert {t["dag_id"] for t in own["task_instances"]} == {"etl"}
    hidden = narrow.post("/api/v2/dags/~/dagRuns/~/taskInstances/list", {"dag_ids": ["other"]})
    assert hidden.json["task_instances"] == []


def test_mapped_instances_and_tries(task_api: official.TaskInstanceApi) -> None:
    assert keys(task_api.get_mapped_task_instances("etl", "r1", "m")) == [("m", 0), ("m", 1)]
    tries = task_api.get_task_instance_tries("etl", "r1", "b")
    assert [(t.try_number, t.state) for t in tries.task_instances] == [(1, "failed")]
    mapped = task_api.get_mapped_task_instance_tries("etl", "r1", "m", 1)
    assert [(t.try_number, t.state) for t in mapped.task_instances] == [(1, "success")]
    assert task_api.get_task_instance_try_details("etl", "r1", "a", 1).state == "success"
    detail = task_api.get_mapped_task_instance_try_details("etl", "r1", "m", 1, 0)
    assert detail.map_index == 0
    with pytest.raises(ApiException) as caught:
        task_api.get_task_instance_try_details("etl", "r1", "a", 7)
    assert caught.value.status == 404


def test_why_a_task_does_not_run(
    task_api: official.TaskInstanceApi, world: World, admin: Client, past: History
) -> None:
    components.register(world.db, "scheduler", world.clock.now())
    version_id = past.runs["etl"].version_id
    run = past.leader.start_run(a_run("r2", "etl", version_id=version_id))
    past.leader.create(run, "a", state=TaskState.SCHEDULED)
    past.leader.create(run, "m", 0, state=TaskState.QUEUED)
    fix = "pool 'big' does not exist; create it (tradewind pools set big SLOTS DESCRIPTION)"

    [found] = task_api.get_task_instance_dependencies("etl", "r2", "a").dependencies
    assert (found.name, found.reason.startswith(fix)) == ("unknown_pool", True)
    [found] = task_api.get_task_instance_dependencies_by_map_index("etl", "r2", "m", 0).dependencies
    assert found.name == "unclaimed"
    assert task_api.get_task_instance_dependencies("etl", "r1", "a").dependencies == []
    with pytest.raises(ApiException) as caught:
        task_api.get_task_instance_dependencies("etl", "r2", "nobody")
    assert caught.value.status == 404

    [why] = admin.get("/ui/task?dag=etl&run=r2&task=a").json["why"]
    assert (why["code"], why["text"].startswith(fix)) == ("unknown_pool", True)
