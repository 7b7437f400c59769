from __future__ import annotations

import airflow_client.client as official
from airflow_client.client import ApiClient

from tests.unit.web.history import History
from tests.unit.web.world import PASSWORD, Client, World
from tradewind.model.account import Role
from tradewind.store import audit, inbox

NEW = {"username": "uma", "password": PASSWORD, "role": "user", "dags": {"etl": False}}


def test_administrators_keep_accounts(world: World, admin: Client, past: History) -> None:
    made = admin.post("/auth/users", NEW)
    assert (made.status, made.json["dags"], made.json["active"]) == (201, {"etl": False}, True)
    assert PASSWORD not in made.text
    uma = world.token("uma")
    assert uma.get("/auth/users").status == 403
    assert uma.patch("/auth/users/uma", {"role": "admin"}).status == 403
    changed = admin.patch("/auth/users/uma", {"role": "op", "dags": None})
    assert (changed.json["role"], changed.json["dags"]) == ("op", None)
    assert uma.get("/auth/me").status == 401
    assert world.token("uma").get("/api/v2/dags").json["total_entries"] == 2
    names = [u["username"] for u in admin.get("/auth/users").json["users"]]
    assert names == ["ada", "uma"]
    assert admin.post("/auth/users", NEW).status == 409
    assert admin.post("/auth/users", NEW | {"username": "x y"}).status == 400
    assert admin.post("/auth/users", NEW | {"username": "x", "password": "short"}).status == 400
    assert admin.post("/auth/users", NEW | {"role": "king"}).status == 422
    assert admin.patch("/auth/users/ada", {"active": False}).status == 400
    assert admin.delete("/auth/users/uma").status == 204
    assert admin.get("/auth/users/uma").status == 404
    actions = {e.action for e in audit.entries(world.db)[0]}
    assert {"create_user", "change_user", "change_user_dags", "delete_user"} <= actions


def test_administrators_see_and_end_sessions(world: World, admin: Client) -> None:
    uma = world.person("uma", Role.USER)
    browser = world.browser("uma")
    found = admin.get("/auth/users/uma/sessions").json["sessions"]
    assert sorted(s["kind"] for s in found) == ["browser", "token"]
    assert not any(s["current"] for s in found)
    shown = {u["name"]: u["sessions"] for u in admin.get("/ui/users").json}
    assert shown == {"ada": 1, "uma": 2}
    assert uma.get("/auth/users/ada/sessions").status == 403
    assert admin.get("/auth/users/nobody/sessions").status == 404
    assert admin.delete("/auth/users/uma/sessions").status == 204
    assert (uma.get("/auth/me").status, browser.get("/auth/me").status) == (401, 401)
    ended = [e for e in audit.entries(world.db)[0] if e.action == "sign_out_everywhere"]
    assert [(e.actor, e.details) for e in ended] == [("ada", {"username": "uma"})]


def test_a_browser_makes_and_ends_tokens_of_its_own(world: World) -> None:
    uma = world.person("uma", Role.USER)
    browser = world.browser("uma")
    made = browser.post("/auth/tokens", {"lifetime_s": 60})
    assert made.status == 201
    token = Client(world.app, {"authorization": f"Bearer {made.json['access_token']}"})
    assert token.get("/auth/me").json["signed_in_by"] == "token"
    # A token that leaked must not outlive itself.
    assert token.post("/auth/tokens", {}).status == 400
    assert browser.post("/auth/tokens", {"lifetime_s": 1e9}).status == 422
    assert browser.post("/auth/tokens", {"lifetime_s": 0}).status == 422
    sessions = browser.get("/auth/sessions").json["sessions"]
    latest = next(s for s in token.get("/auth/sessions").json["sessions"] if s["current"])
    assert latest["id"] in {s["id"] for s in sessions}
    assert browser.delete(f"/auth/sessions/{latest['id']}").status == 204
    assert browser.delete(f"/auth/sessions/{latest['id']}").status == 404
    assert (token.get("/auth/me").status, uma.get("/auth/me").status) == (401, 200)


def test_runs_are_changed_in_bulk_each_by_its_own_permission(
    world: World, admin: Client, past: History, narrow: Client
) -> None:
    past.end(past.runs["etl"])
    past.end(past.runs["other"])
    runs = [{"dag_id": d, "dag_run_id": "r1", "note": "seen"} for d in ("etl", "other")]
    done = narrow.patch(
        "/api/v2/dags/~/dagRuns",
        {"actions": [{"action": "update", "entities": runs}]},
    ).json["update"]
    assert done["success"] == ["etl/r1"]
    assert [e["status_code"] for e in done["errors"]] == [404]
    assert admin.get("/api/v2/dags/other/dagRuns/r1").json["note"] is None
    assert admin.get("/api/v2/dags/etl/dagRuns/r1").json["note"] == "seen"
    # The id in the path decides, not the one in the body.
    mixed = {"actions": [{"action": "update", "entities": [runs[1]]}]}
    assert narrow.patch("/api/v2/dags/etl/dagRuns", mixed).status == 422
    gone = {"actions": [{"action": "delete", "entities": ["other/r1", "etl/r1"]}]}
    done = narrow.patch("/api/v2/dags/~/dagRuns", gone).json["delete"]
    assert (done["success"], len(done["errors"])) == (["etl/r1"], 1)
    assert admin.get("/api/v2/dags/other/dagRuns/r1").status == 200
    hidden = {"dag_runs": [runs[1]], "dry_run": False}
    assert narrow.post("/api/v2/dags/~/clearDagRuns", hidden).status == 404


def test_runs_are_cleared_together(
    world: World, admin: Client, past: History, api: ApiClient
) -> None:
    runs = [{"dag_id": d, "dag_run_id": "r1"} for d in ("etl", "other")]
    dry = admin.post("/api/v2/dags/~/clearDagRuns", {"dag_runs": runs}).json
    assert dry["total_entries"] == 8
    assert inbox.pending(world.db, 9) == []
    body = {"dag_runs": runs, "dry_run": False}
    assert admin.post("/api/v2/dags/~/clearDagRuns", body).json["total_entries"] == 2
    assert [e.kind for e in inbox.pending(world.db, 9)] == ["cleared", "cleared"]
    found = official.DagRunApi(api).get_upstream_asset_events("etl", "r1")
    assert found.total_entries == 0


def test_pages_show_ones_own_favorites_and_notes(world: World, past: History) -> None:
    uma, vi = world.person("uma", Role.USER), world.person("vi", Role.VIEWER)
    assert uma.post("/api/v2/dags/etl/favorite").status == 204
    marked = {d["id"]: d["favorite"] for d in uma.get("/ui/dags").json["dags"]}
    assert marked == {"etl": True, "other": False}
    assert [d["id"] for d in uma.get("/ui/dags?favorite=true").json["dags"]] == ["etl"]
    assert uma.get("/ui/dag?dag=etl").json["favorite"] is True
    assert vi.get("/ui/dags?favorite=true").json["dags"] == []
    assert vi.get("/ui/dag?dag=etl").json["favorite"] is False
    noted = uma.patch("/api/v2/dags/etl/dagRuns/r1/taskInstances/a", {"note": "ask finance"})
    assert noted.status == 200, noted.text
    assert vi.get("/ui/task?dag=etl&run=r1&task=a").json["note"] == "ask finance"
