"""A request that names itself is carried out once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import Response

from tests.unit.web.history import History
from tests.unit.web.world import Answer, Client, World
from tradewind.errors import ConfigError, Conflict, Unavailable
from tradewind.model.account import Role
from tradewind.store import accounts, audit
from tradewind.store.account_tables import kept_answer
from tradewind.store.cleaning import clean
from tradewind.store.connect import Database, open_database
from tradewind.store.read import run_list
from tradewind.store.read.paging import Slice
from tradewind.store.sealing import Box, new_key
from tradewind.store.secrets import Secrets
from tradewind.web.access import Caller
from tradewind.web.call import Call
from tradewind.web.idempotency import GIVEN_UP, once
from tradewind.web.refusals import Invalid
from tradewind.web.site import Site

RUNS = "/api/v2/dags/etl/dagRuns"
TRIGGER = {"logical_date": None, "note": "a-canary"}


@pytest.fixture
def lite(database_url: str) -> Iterator[Database]:
    """The server's database: of both kinds in this file."""
    db = open_database(database_url, durable=False)
    yield db
    db.close()


def trigger(client: Client, key: str, body: object = TRIGGER) -> Answer:
    return client.post(RUNS, body, **{"idempotency-key": key})


def runs_of(world: World, dag_id: str = "etl") -> int:
    wanted = run_list.RunFilter()
    return len(run_list.find(world.db, {dag_id}, wanted, Slice(limit=100), readable=None)[0])


def kept(world: World) -> list[bytes | None]:
    with world.db.read() as conn:
        return list(conn.execute(select(kept_answer.c.answer)).scalars())


def test_a_repeat_is_answered_the_same_and_nothing_is_done(
    world: World, admin: Client, past: History
) -> None:
    before = runs_of(world)
    first, again, other = (trigger(admin, key) for key in ("k1", "k1", "k2"))
    assert first.status == again.status == 200
    assert again.body == first.body
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert other.json["dag_run_id"] != first.json["dag_run_id"]
    assert runs_of(world) == before + 2
    assert len(audit.entries(world.db, action="trigger_dag_run")[0]) == 2
    assert all(answer is not None and b"canary" not in answer for answer in kept(world))


def test_an_answer_without_a_body_is_repeated_too(world: World, admin: Client) -> None:
    admin.post("/api/v2/variables", {"key": "a", "value": "1"})
    deleted = [
        admin.send("DELETE", "/api/v2/variables/a", headers={"idempotency-key": "k"})
        for _ in range(2)
    ]
    assert [(d.status, d.body) for d in deleted] == [(204, b"")] * 2
    assert admin.delete("/api/v2/variables/a").status == 404


def test_without_a_key_nothing_is_kept(world: World, admin: Client, past: History) -> None:
    assert admin.post(RUNS, TRIGGER).json != admin.post(RUNS, TRIGGER).json
    assert admin.get(RUNS, **{"idempotency-key": "k"}).status == 200
    assert kept(world) == []


def test_another_request_under_the_key_is_refused(
    world: World, admin: Client, past: History
) -> None:
    trigger(admin, "k")
    for path, body in (
        (RUNS, {"logical_date": None, "note": "other"}),
        (RUNS.replace("etl", "other"), TRIGGER),
        (f"{RUNS}?x=1", TRIGGER),
    ):
        refused = admin.post(path, body, **{"idempotency-key": "k"})
        assert refused.status == 422
        assert refused.detail[0]["loc"] == ["header", "Idempotency-Key"]
        assert "named another request" in refused.detail[0]["msg"]


def test_a_key_is_its_callers_and_its_routes_own(
    world: World, admin: Client, past: History
) -> None:
    other = world.person("bob", Role.ADMIN)
    first = trigger(admin, "k")
    assert trigger(other, "k").json["dag_run_id"] != first.json["dag_run_id"]
    variable = {"key": "a", "value": "1"}
    assert admin.post("/api/v2/variables", variable, **{"idempotency-key": "k"}).status == 201


def test_a_repeat_takes_the_rights_that_the_request_takes(
    world: World, admin: Client, past: History
) -> None:
    nora = world.person("nora", Role.USER, {"etl": True})
    assert trigger(nora, "k").status == 200
    answer = admin.patch("/auth/users/nora", {"role": "viewer"})
    assert answer.status == 200, answer.text
    assert trigger(world.token("nora"), "k").status == 403


@pytest.mark.parametrize("key", ["x" * 256, "", "a b", "caf\u00e9", "a\x7f"])
def test_what_cannot_be_a_key_is_refused_by_name(
    world: World, admin: Client, past: History, key: str
) -> None:
    before = runs_of(world)
    encoded = key.encode("latin-1").decode("latin-1")
    refused = trigger(admin, encoded)
    assert refused.status == 422
    assert refused.detail[0]["loc"] == ["header", "Idempotency-Key"]
    assert runs_of(world) == before


def test_a_refusal_is_not_kept(world: World, admin: Client, past: History) -> None:
    body = {"logical_date": None, "dag_run_id": "r2"}
    assert trigger(admin, "k", body | {"conf": {"day": 5}}).status == 400
    assert kept(world) == []
    assert trigger(admin, "k", body).status == 200


def test_passwords_and_sessions_are_not_kept(world: World, admin: Client) -> None:
    key = {"idempotency-key": "k"}
    login = {"username": "ada", "password": "wrong"}
    assert world.anybody().post("/auth/token", login, **key).status == 401
    changed = {"old_password": "correct horse", "new_password": "battery staple"}
    assert admin.post("/auth/password", changed, **key).status == 204
    assert kept(world) == []


def test_a_key_is_good_for_a_day(world: World, admin: Client, past: History) -> None:
    first = trigger(admin, "k")
    world.clock.at += timedelta(hours=23)
    token = world.token("ada")
    assert trigger(token, "k").body == first.body
    world.clock.at += timedelta(hours=1, seconds=10)
    assert trigger(world.token("ada"), "other").status == 200
    assert len(kept(world)) == 1
    # The key is free for another request; the same one still finds the run that it made.
    anew = trigger(world.token("ada"), "k", TRIGGER | {"note": "another"})
    assert anew.json["dag_run_id"] != first.json["dag_run_id"]
    world.clock.at += timedelta(hours=25)
    later = trigger(world.token("ada"), "k")
    assert later.json["dag_run_id"] == first.json["dag_run_id"]


def test_cleaning_takes_old_answers(world: World, admin: Client, past: History) -> None:
    trigger(admin, "k")
    removed = clean(world.db, world.clock.now() + timedelta(seconds=1))
    assert removed["kept_answer"] == 1
    assert kept(world) == []


def test_answers_survive_a_change_of_the_encryption_key(
    world: World, admin: Client, past: History, tmp_path: Path
) -> None:
    first = trigger(admin, "k")
    old = world.config.key_file.read_text().split()
    new = new_key()
    Secrets(world.db, Box([new, *old]), {}).rotate()
    world.config.key_file.write_text(new + "\n")
    later = World(world.db, world.home)
    assert trigger(later.token("ada"), "k").body == first.body


# ---- in the middle of it ------------------------------------------------------------------


def call_of(world: World, key: str = "k") -> Call[None, None]:
    """A request of ada's with a key, as the endpoint has it."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": [(b"idempotency-key", key.encode()), (b"host", b"h")],
    }
    with world.db.read() as conn:
        account = accounts.account(conn, "ada")
    caller = Caller(account=account, how="token")
    site = Site(world.config, world.db, None, world.clock)  # type: ignore[arg-type]
    return Call(site, caller, Request(scope), None, None)


def test_while_it_is_carried_out_a_repeat_is_told_to_wait(world: World, admin: Client) -> None:
    started, go_on = threading.Event(), threading.Event()
    done: list[Response] = []

    def act() -> Response:
        started.set()
        assert go_on.wait(20)
        return Response(b"done", 201)

    first = threading.Thread(target=lambda: done.append(once(call_of(world), "POST /x", b"", act)))
    first.start()
    assert started.wait(20)
    with pytest.raises(Conflict, match="being carried out"):
        once(call_of(world), "POST /x", b"", never)
    go_on.set()
    first.join()
    again = once(call_of(world), "POST /x", b"", never)
    assert (again.status_code, again.body) == (201, b"done")


def test_of_two_at_once_one_is_carried_out(world: World, admin: Client) -> None:
    both = threading.Barrier(2)
    done: list[int] = []

    def act() -> Response:
        done.append(1)
        return Response(b"x")

    def run() -> None:
        both.wait(20)
        with contextlib.suppress(Conflict):
            once(call_of(world), "POST /x", b"", act)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [1]


def test_what_was_cut_off_is_not_done_again(world: World, admin: Client) -> None:
    def cut_off() -> Response:
        raise Unavailable("the database went away")

    with pytest.raises(Unavailable):
        once(call_of(world), "POST /x", b"", cut_off)
    with pytest.raises(Conflict, match="look whether it was done"):
        once(call_of(world), "POST /x", b"", never)


def test_a_route_that_knows_its_requests_again_does_what_was_cut_off(
    world: World, admin: Client
) -> None:
    seen: list[str | None] = []

    def cut_off() -> Response:
        raise KeyboardInterrupt

    def act(call: Call[None, None]) -> Response:
        seen.append(call.request_key)
        return Response(b"done")

    with pytest.raises(KeyboardInterrupt):
        once(call_of(world), "POST /x", b"", cut_off, repeatable=True)
    with pytest.raises(Conflict, match="being carried out"):
        once(call_of(world), "POST /x", b"", never, repeatable=True)
    world.clock.at += GIVEN_UP + timedelta(seconds=1)
    with pytest.raises(Invalid, match="named another request"):
        once(call_of(world), "POST /x", b"other", never, repeatable=True)
    with pytest.raises(Conflict, match="look whether it was done"):
        once(call_of(world), "POST /x", b"", never)
    for _ in range(2):
        call = call_of(world)
        response = once(call, "POST /x", b"", partial(act, call), repeatable=True)
        assert response.body == b"done"
    assert len(seen) == 1
    assert (seen[0] or "").startswith("request:")


def test_a_run_is_made_once_though_the_server_died_in_between(
    world: World, admin: Client, past: History
) -> None:
    before = runs_of(world)
    first = trigger(admin, "k")
    with world.db.write() as conn:
        # As it is when the run was committed and its server was killed before it answered.
        conn.execute(update(kept_answer).values(answer=None))
    assert trigger(admin, "k").status == 409
    world.clock.at += GIVEN_UP + timedelta(seconds=1)
    again = trigger(admin, "k")
    assert again.status == 200
    assert again.json["dag_run_id"] == first.json["dag_run_id"]
    assert runs_of(world) == before + 1


def test_who_lost_a_race_may_try_again(world: World, admin: Client) -> None:
    def lose() -> Response:
        raise Conflict("somebody was faster")

    with pytest.raises(Conflict, match="faster"):
        once(call_of(world), "POST /x", b"", lose)
    assert once(call_of(world), "POST /x", b"", lambda: Response(b"now")).body == b"now"


def test_a_row_that_was_moved_answers_nobody_else(world: World, admin: Client) -> None:
    for key in ("a", "b"):
        once(call_of(world, key), "POST /x", b"", lambda: Response(b"mine"))
    with world.db.write() as conn:
        one = conn.execute(select(kept_answer.c.answer).limit(1)).scalar_one()
        conn.execute(update(kept_answer).values(answer=one))
    answered = []
    for key in ("a", "b"):
        with contextlib.suppress(ConfigError):
            answered.append(once(call_of(world, key), "POST /x", b"", never).body)
    assert answered == [b"mine"]


def test_a_key_given_twice_is_refused(world: World, admin: Client) -> None:
    call = call_of(world)
    call.request.scope["headers"].append((b"idempotency-key", b"k2"))
    with pytest.raises(Invalid, match="more than once"):
        once(call, "POST /x", b"", never)


def never() -> Response:
    raise AssertionError("this must not be carried out")


def test_the_document_tells_of_the_key(world: World) -> None:
    paths = world.anybody().get("/openapi.json").json["paths"]
    names = {
        (path, method)
        for path, described in paths.items()
        for method, operation in described.items()
        if any(p["name"] == "Idempotency-Key" for p in operation["parameters"])
    }
    assert ("/api/v2/dags/{dag_id}/dagRuns", "post") in names
    assert ("/api/v2/dags/{dag_id}/dagRuns", "get") not in names
    assert not any(path.startswith("/auth/") for path, _ in names)
