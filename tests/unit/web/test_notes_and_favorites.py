"""What people write to task instances, which DAGs they mark, and what they ask to be done again."""

from __future__ import annotations

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store import inbox, parse_requests
from tradewind.store.read import task_list

TASKS = "/api/v2/dags/etl/dagRuns/r1/taskInstances"


@pytest.fixture
def tasks(api: ApiClient) -> official.TaskInstanceApi:
    return official.TaskInstanceApi(api)


def note_of(client: Client, task_id: str, which: str = "") -> object:
    return client.get(f"{TASKS}/{task_id}{which}").json["note"]


# ---- notes ----------------------------------------------------------------------------------


def test_the_official_client_writes_notes(
    tasks: official.TaskInstanceApi, past: History, admin: Client, world: World
) -> None:
    body = official.PatchTaskInstanceBody(note="the disk was full")
    done = tasks.patch_task_instance("etl", "r1", "b", body)
    assert [t.note for t in done.task_instances] == ["the disk was full"]
    assert tasks.get_task_instance("etl", "r1", "b").note == "the disk was full"
    assert {t.task_id: t.note for t in tasks.get_task_instances("etl", "r1").task_instances} == {
        "a": None,
        "b": "the disk was full",
        "m": None,
    }
    # Nothing but the note was written: the leader has nothing to do.
    assert inbox.pending(world.db, 10) == []
    removed = admin.patch(f"{TASKS}/b", {"note": None})
    assert removed.json["task_instances"][0]["note"] is None
    assert note_of(admin, "b") is None


def test_a_note_is_of_one_instance_or_of_all(admin: Client, past: History) -> None:
    assert admin.patch(f"{TASKS}/m/1", {"note": "one"}).status == 200
    assert (note_of(admin, "m", "/0"), note_of(admin, "m", "/1")) == (None, "one")
    assert admin.patch(f"{TASKS}/m", {"note": "all"}).json["total_entries"] == 2
    assert note_of(admin, "m", "/0") == note_of(admin, "m", "/1") == "all"
    assert admin.patch(f"{TASKS}/m/7", {"note": "none"}).status == 404


def test_a_note_is_written_with_a_mark_and_with_a_clear(
    admin: Client, past: History, world: World
) -> None:
    admin.patch(f"{TASKS}/b", {"new_state": "success", "note": "seen"})
    assert note_of(admin, "b") == "seen"
    assert [e.kind for e in inbox.pending(world.db, 10)] == ["marked"]
    cleared = {"dag_run_id": "r1", "task_ids": ["a"], "only_failed": False, "note": "again"}
    url = "/api/v2/dags/etl/clearTaskInstances"
    assert admin.post(url, cleared).status == 200
    assert note_of(admin, "a") is None
    assert admin.post(url, cleared | {"dry_run": False}).status == 200
    assert note_of(admin, "a") == "again"


def test_a_mask_chooses_between_state_and_note(admin: Client, past: History, world: World) -> None:
    both = {"new_state": "success", "note": "x"}
    assert admin.patch(f"{TASKS}/b?update_mask=note", both).status == 200
    assert note_of(admin, "b") == "x"
    assert inbox.pending(world.db, 10) == []
    assert admin.patch(f"{TASKS}/b?update_mask=new_state", both | {"note": "y"}).status == 200
    assert note_of(admin, "b") == "x"
    assert admin.patch(f"{TASKS}/b/dry_run", {"note": "z"}).status == 200
    assert note_of(admin, "b") == "x"
    assert admin.patch(f"{TASKS}/b", {}).detail[0]["loc"] == ["body", "new_state"]
    assert admin.patch(f"{TASKS}/b", {"note": "x" * 1001}).status == 422


# ---- many at once, and removal --------------------------------------------------------------


def test_many_task_instances_are_changed_each_by_its_own_permission(
    world: World, past: History, narrow: Client
) -> None:
    body = {
        "actions": [
            {
                "action": "update",
                "entities": [
                    {"dag_id": "etl", "dag_run_id": "r1", "task_id": "b", "note": "mine"},
                    {"dag_id": "etl", "dag_run_id": "r1", "task_id": "m", "map_index": 1}
                    | {"new_state": "success"},
                    {"dag_id": "other", "dag_run_id": "r1", "task_id": "b", "note": "not mine"},
                    {"dag_id": "etl", "dag_run_id": "r9", "task_id": "b", "note": "none"},
                    {"dag_id": "etl", "dag_run_id": "r1", "task_id": "m", "map_index": 7}
                    | {"note": "none"},
                ],
            }
        ]
    }
    done = narrow.patch("/api/v2/dags/~/dagRuns/~/taskInstances", body).json["update"]
    assert done["success"] == ["etl.r1.b", "etl.r1.m[1]"]
    assert [e["status_code"] for e in done["errors"]] == [404, 404, 404]
    assert note_of(narrow, "b") == "mine"
    row = task_list.one(world.db, past.ti("other", "b").key)
    assert row is not None
    assert row.note is None
    made = {"actions": [{"action": "create", "entities": [{"task_id": "new"}]}]}
    refused = narrow.patch(TASKS, made).json["create"]["errors"]
    assert [e["status_code"] for e in refused] == [400]


def test_the_official_client_removes_task_instances_of_ended_runs(
    tasks: official.TaskInstanceApi, past: History, admin: Client, world: World
) -> None:
    with pytest.raises(ApiException) as caught:
        tasks.delete_task_instance("etl", "r1", "b")
    assert caught.value.status == 409
    past.end(past.runs["etl"])
    admin.patch(f"{TASKS}/b", {"note": "goes too"})
    tasks.delete_task_instance("etl", "r1", "b")
    assert admin.get(f"{TASKS}/b").status == 404
    assert admin.get(f"{TASKS}/a").status == 200
    tasks.delete_task_instance("etl", "r1", "m", map_index=1)
    assert admin.get(f"{TASKS}/m/0").status == 200
    assert admin.get(f"{TASKS}/m/1").status == 404
    body = {"actions": [{"action": "delete", "entities": ["a", {"task_id": "m"}, "gone"]}]}
    done = admin.patch(TASKS, body).json["delete"]
    assert done["success"] == ["a", "etl.r1.m"]
    assert [e["status_code"] for e in done["errors"]] == [404]
    assert tasks.get_task_instances("etl", "r1").total_entries == 0
    assert tasks.get_task_instances("other", "r1").total_entries == 4


# ---- waiting --------------------------------------------------------------------------------


def test_who_waits_for_an_ended_run_gets_its_results(
    past: History, admin: Client, world: World
) -> None:
    past.end(past.runs["etl"])
    answer = admin.get("/api/v2/dags/etl/dagRuns/r1/wait?interval=1&result=a&result=m&result=x")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text.count("\n") == 1
    results = {"a": {"rows": 3}, "m": [None, None], "x": None}
    assert answer.json == {"state": "failed", "results": results}
    assert admin.get("/api/v2/dags/etl/dagRuns/r1/wait?interval=1").json == {"state": "failed"}
    assert admin.get("/api/v2/dags/etl/dagRuns/r1/wait?interval=0").status == 422
    assert admin.get("/api/v2/dags/etl/dagRuns/r1/wait").status == 422
    assert admin.get("/api/v2/dags/etl/dagRuns/r9/wait?interval=1").status == 404


# ---- favorites ------------------------------------------------------------------------------


def test_a_favorite_is_its_owners_own(
    api: ApiClient, past: History, world: World, admin: Client
) -> None:
    dags = official.DAGApi(api)
    bob = world.person("bob", Role.VIEWER)
    dags.favorite_dag("etl")
    dags.favorite_dag("etl")
    assert dags.get_dag_details("etl").is_favorite
    assert not dags.get_dag_details("other").is_favorite
    assert [d.dag_id for d in dags.get_dags(is_favorite=True).dags] == ["etl"]
    assert [d.dag_id for d in dags.get_dags(is_favorite=False).dags] == ["other"]
    assert bob.get("/api/v2/dags?is_favorite=true").json["total_entries"] == 0
    dags.unfavorite_dag("etl")
    with pytest.raises(ApiException) as caught:
        dags.unfavorite_dag("etl")
    assert caught.value.status == 409
    bob.post("/api/v2/dags/other/favorite")
    assert bob.get("/api/v2/dags?is_favorite=true").json["total_entries"] == 1
    assert admin.delete("/auth/users/bob").status == 204
    assert world.person("bob", Role.VIEWER).get("/api/v2/dags?is_favorite=true").json["dags"] == []


# ---- parsing again --------------------------------------------------------------------------


def test_the_official_client_has_a_file_parsed_again(
    api: ApiClient, past: History, world: World, admin: Client, narrow: Client
) -> None:
    token = official.DAGApi(api).get_dag("etl").file_token
    official.DAGParsingApi(api).reparse_dag_file(token)
    official.DAGParsingApi(api).reparse_dag_file(token)
    assert parse_requests.take(world.db) == ["dags.py"]
    assert parse_requests.take(world.db) == []
    for unknown in ("bm90aGluZw", "!", "%ff", "~"):
        assert admin.send("PUT", f"/api/v2/parseDagFile/{unknown}").status == 404
    # The file defines a DAG that this operator may not see.
    assert narrow.send("PUT", f"/api/v2/parseDagFile/{token}").status == 404
