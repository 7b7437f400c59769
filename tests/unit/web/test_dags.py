from __future__ import annotations

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException, ConflictException

from tests.unit.actions.catalog import unpublished
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.store import audit, inbox
from tradewind.store.read import dags
from tradewind.store.turn import InboxEvent


@pytest.fixture
def dag_api(api: ApiClient, past: History) -> official.DAGApi:
    return official.DAGApi(api)


def ids(found: official.DAGCollectionResponse) -> list[str]:
    return [dag.dag_id for dag in found.dags]


def test_the_official_client_lists_dags(dag_api: official.DAGApi) -> None:
    found = dag_api.get_dags()
    assert (ids(found), found.total_entries) == (["etl", "other"], 2)
    etl = found.dags[0]
    assert [t.name for t in etl.tags] == ["nightly", "sales"]
    assert etl.timetable_summary == "0 5 * * *"
    assert (etl.is_paused, etl.is_stale, etl.has_import_errors) == (False, False, False)
    assert etl.owners == ["airflow", "ann"]
    assert found.dags[1].dag_display_name == "The other"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tags": ["nightly"]}, ["etl"]),
        ({"tags": ["nightly", "private"]}, ["etl", "other"]),
        ({"tags": ["nightly", "private"], "tags_match_mode": "all"}, []),
        ({"tags": ["nightly", "sales"], "tags_match_mode": "all"}, ["etl"]),
        ({"dag_id_pattern": "T%L"}, ["etl"]),
        ({"dag_id_pattern": "oth|etl"}, ["etl", "other"]),
        ({"dag_id_pattern": "~"}, ["etl", "other"]),
        ({"dag_id_prefix_pattern": "E"}, []),
        ({"dag_id_prefix_pattern": "e"}, ["etl"]),
        ({"dag_display_name_pattern": "the OTHER"}, ["other"]),
        ({"owners": ["ann"]}, ["etl", "other"]),
        ({"owners": ["bob"]}, []),
        ({"paused": True}, []),
        ({"has_import_errors": True}, []),
        ({"has_asset_schedule": True}, []),
        ({"last_dag_run_state": official.DagRunState.RUNNING}, ["etl", "other"]),
        ({"last_dag_run_state": official.DagRunState.FAILED}, []),
        ({"dag_run_state": ["running"]}, ["etl", "other"]),
        ({"dag_run_start_date_gte": "2030-01-01T00:00:00Z"}, []),
        ({"bundle_name": "dags-folder"}, ["etl", "other"]),
        ({"bundle_name": "elsewhere"}, []),
        ({"order_by": ["-dag_id"]}, ["other", "etl"]),
        ({"order_by": ["-dag_display_name"]}, ["other", "etl"]),
        ({"order_by": ["last_run_run_after", "-dag_id"]}, ["other", "etl"]),
        ({"limit": 1}, ["etl"]),
        ({"limit": 1, "offset": 1}, ["other"]),
        ({"offset": 2}, []),
    ],
)
def test_dags_are_filtered_ordered_and_paged(
    dag_api: official.DAGApi, query: dict[str, object], expected: list[str]
) -> None:
    assert ids(dag_api.get_dags(**query)) == expected  # type: ignore[arg-type]


def test_an_order_that_is_not_one_says_which_there_are(admin: Client, past: History) -> None:
    answer = admin.get("/api/v2/dags?order_by=spec")
    assert answer.status == 400
    assert "'spec' is disallowed" in answer.detail
    assert "dag_display_name" in answer.detail


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("offset=99999999999999999999", "offset"),
        ("paused=maybe", "paused"),
        ("last_dag_run_state=asleep", "last_dag_run_state"),
        ("dag_run_start_date_gte=yesterday", "dag_run_start_date_gte"),
        ("dag_id_pattern=%00", "dag_id_pattern"),
    ],
)
def test_a_query_that_does_not_fit_names_the_parameter(
    admin: Client, past: History, query: str, name: str
) -> None:
    answer = admin.get(f"/api/v2/dags?{query}")
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["query", name])


def test_one_dag_and_its_details(dag_api: official.DAGApi) -> None:
    assert dag_api.get_dag("etl").dag_id == "etl"
    found = dag_api.get_dag_details("etl")
    assert found.doc_md == "# Sales {{ ''.__class__.__mro__ }}"
    assert found.params is not None
    assert found.params["day"]["schema"] == {"type": "string"}
    assert found.owner_links == {"ann": "https://example.org"}
    assert found.latest_dag_version is not None
    assert found.latest_dag_version.version_number == 1
    assert found.active_runs_count == 1
    with pytest.raises(ApiException) as caught:
        dag_api.get_dag("nothing")
    assert caught.value.status == 404


def test_pausing_reaches_the_leader_and_the_audit_log(
    dag_api: official.DAGApi, world: World, past: History
) -> None:
    body = official.DAGPatchBody(is_paused=True)
    assert dag_api.patch_dag("etl", body).is_paused is True
    assert [e.kind for e in past_events(world)] == ["dag_paused"]
    (entry,), _ = audit.entries(world.db, action="patch_dag")
    assert (entry.actor, entry.dag_id) == ("ada", "etl")
    assert entry.details == {"before": {"is_paused": False}, "after": {"is_paused": True}}
    both = dag_api.patch_dags(body, dag_id_pattern="~")
    assert ids(both) == ["etl", "other"]
    assert ids(dag_api.get_dags(paused=True)) == ["etl", "other"]


def past_events(world: World) -> list[InboxEvent]:
    return list(inbox.pending(world.db, 10))


def test_a_dag_with_live_runs_is_not_removed(
    dag_api: official.DAGApi, world: World, past: History
) -> None:
    with pytest.raises(ConflictException):
        dag_api.delete_dag("etl")
    assert dags.dag(world.db, "etl") is not None


def test_a_dag_that_no_file_defines_is_removed_with_its_history(
    world: World, admin: Client, past: History
) -> None:
    for run in past.runs.values():
        past.end(run)
    unpublished(world.db)
    assert admin.delete("/api/v2/dags/etl").status == 200
    assert admin.get("/api/v2/dags/etl").status == 404
    assert admin.get("/api/v2/dags/~/dagRuns").json["total_entries"] == 1


def test_tags_and_counts(dag_api: official.DAGApi, api: ApiClient) -> None:
    assert dag_api.get_dag_tags().tags == ["nightly", "private", "sales"]
    assert dag_api.get_dag_tags(tag_name_pattern="s").tags == ["sales"]
    found = official.DagStatsApi(api).get_dag_stats(dag_ids=["etl", "nothing"])
    (stats,) = found.dags
    assert {s.state: s.count for s in stats.stats}[official.DagRunState.RUNNING] == 1


# ---- what somebody may not see does not exist (S10) ------------------------------------------


def test_lists_and_counts_hold_only_what_may_be_read(narrow: Client, past: History) -> None:
    listed = narrow.get("/api/v2/dags").json
    assert ([d["dag_id"] for d in listed["dags"]], listed["total_entries"]) == (["etl"], 1)
    assert narrow.get("/api/v2/dagTags").json == {"tags": ["nightly", "sales"], "total_entries": 2}
    stats = narrow.get("/api/v2/dagStats").json
    assert [d["dag_id"] for d in stats["dags"]] == ["etl"]
    assert narrow.get("/api/v2/dagStats?dag_ids=other").json["dags"] == []
    assert narrow.get("/api/v2/dags?dag_id_pattern=other").json["total_entries"] == 0
    for path in ("", "/details", "/dagRuns", "/dagRuns/r1", "/dagRuns/r1/taskInstances"):
        hidden = narrow.get(f"/api/v2/dags/other{path}")
        absent = narrow.get(f"/api/v2/dags/nothing{path}")
        assert hidden.status == absent.status == 404
        assert hidden.text.replace("other", "nothing") == absent.text
    patched = narrow.send("PATCH", "/api/v2/dags?dag_id_pattern=~", {"is_paused": True})
    assert [d["dag_id"] for d in patched.json["dags"]] == ["etl"]


def test_who_may_read_a_dag_may_not_change_it(world: World, past: History, admin: Client) -> None:
    reader = world.person("rita", Role.USER, {"etl": False})
    assert reader.get("/api/v2/dags/etl").status == 200
    assert reader.patch("/api/v2/dags/etl", {"is_paused": True}).status == 403
    assert reader.patch("/api/v2/dags?dag_id_pattern=~", {"is_paused": True}).json["dags"] == []
    assert reader.post("/api/v2/dags/etl/dagRuns", {"logical_date": None}).status == 403
    viewer = world.person("vito", Role.VIEWER)
    assert viewer.patch("/api/v2/dags/etl", {"is_paused": True}).status == 403
    assert viewer.patch("/api/v2/dags?dag_id_pattern=~", {"is_paused": True}).status == 403
