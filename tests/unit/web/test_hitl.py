"""Questions of tasks through the API, with Airflow's official client."""

from __future__ import annotations

from datetime import timedelta

import airflow_client.client as official
import pytest
from airflow_client.client import ApiClient
from airflow_client.client.exceptions import ApiException

from tests.conformance.store_world import NOW as THEN
from tests.unit.web.history import History
from tests.unit.web.world import Client, World
from tradewind.model.account import Role
from tradewind.model.outcome import Question
from tradewind.model.run import TaskInstance
from tradewind.model.state import TaskState
from tradewind.store import inbox
from tradewind.store.turn import AnswerWrite, QuestionWrite

RUN = "/api/v2/dags/etl/dagRuns/r1"
FORM = {"n": {"value": 1, "schema": {"type": "integer"}, "description": None}}


def ask(past: History, dag_id: str, subject: str, index: int, *users: str) -> TaskInstance:
    """Let an instance of b ask."""
    leader, run = past.leader, past.runs[dag_id]
    running = leader.claim(leader.queue(leader.create(run, "b", index)))
    question = QuestionWrite(
        ti=running.key,
        fence=running.fence,
        question=Question(
            subject=subject,
            options=("yes", "no"),
            params=FORM,
            assigned_users=tuple({"id": user, "name": user} for user in users),
        ),
        at=THEN + timedelta(seconds=index),
        timeout_at=None,
    )
    return leader.finish(running, TaskState.AWAITING_INPUT, questions=[question])


def answered(past: History, ti: TaskInstance, by: str) -> None:
    answer = AnswerWrite(
        ti=ti.key,
        fence=ti.fence,
        at=THEN,
        by={"id": by, "name": by},
        chosen_options=("no",),
        params_input={"n": 2},
    )
    past.leader.apply(answers=[answer])


@pytest.fixture
def tasks(api: ApiClient, past: History) -> official.TaskInstanceApi:
    return official.TaskInstanceApi(api)


def test_questions_are_listed_and_filtered(past: History, tasks: official.TaskInstanceApi) -> None:
    ask(past, "etl", "Ship it?", 5)
    answered(past, ask(past, "etl", "Refund?", 6), "bob")
    ask(past, "other", "Elsewhere?", 5)
    found = tasks.get_hitl_details("~", "~")
    assert found.total_entries == 3
    of_run = tasks.get_hitl_details("etl", "r1", order_by=["-created_at"])
    assert [d.subject for d in of_run.hitl_details] == ["Refund?", "Ship it?"]
    refund, ship = of_run.hitl_details
    assert (ship.options, ship.response_received, ship.chosen_options) == (
        ["yes", "no"],
        False,
        None,
    )
    assert (ship.task_instance.task_id, ship.task_instance.map_index) == ("b", 5)
    assert refund.responded_by_user == official.HITLUser(id="bob", name="bob")
    assert (refund.chosen_options, refund.params_input) == (["no"], {"n": 2})

    def subjects(**wanted: object) -> list[str]:
        page = tasks.get_hitl_details("~", "~", **wanted)  # type: ignore[arg-type]
        return sorted(d.subject for d in page.hitl_details)

    assert subjects(response_received=True) == ["Refund?"]
    assert subjects(subject_search="SHIP") == ["Ship it?"]
    assert subjects(responded_by_user_id=["bob"]) == ["Refund?"]
    assert subjects(responded_by_user_name=["bo"]) == []
    assert subjects(map_index=5, dag_id_pattern="oth") == ["Elsewhere?"]
    assert subjects(state=["awaiting_input"], limit=1, order_by=["-created_at"]) == ["Refund?"]
    assert subjects(created_at_lt=THEN + timedelta(seconds=6), task_id="b") == [
        "Elsewhere?",
        "Ship it?",
    ]


def test_one_question_and_its_try(past: History, tasks: official.TaskInstanceApi) -> None:
    ask(past, "etl", "Ship it?", 5)
    assert tasks.get_hitl_detail("etl", "r1", "b", 5).subject == "Ship it?"
    of_try = tasks.get_hitl_detail_try_detail("etl", "r1", "b", 5, 1)
    assert (of_try.subject, of_try.task_instance.try_number) == ("Ship it?", 1)
    for missing in (
        lambda: tasks.get_hitl_detail_try_detail("etl", "r1", "b", 5, 2),
        lambda: tasks.get_hitl_detail("etl", "r1", "a", -1),
    ):
        with pytest.raises(ApiException) as error:
            missing()
        assert error.value.status == 404


def test_an_answer_reaches_the_scheduler(
    world: World, past: History, tasks: official.TaskInstanceApi
) -> None:
    ti = ask(past, "etl", "Ship it?", 5)
    payload = official.UpdateHITLDetailPayload(chosen_options=["yes"], params_input={"n": 4})
    said = tasks.update_hitl_detail("etl", "r1", "b", 5, payload)
    assert (said.chosen_options, said.params_input, said.responded_by.id) == (
        ["yes"],
        {"n": 4},
        "ada",
    )
    (event,) = inbox.pending(world.db, 10)
    assert (event.kind, event.run_pk) == ("answered", ti.run_pk)
    assert event.payload["chosen_options"] == ["yes"]
    assert event.payload["by"] == {"id": "ada", "name": "ada"}


def test_answers_that_are_refused(world: World, past: History, admin: Client) -> None:
    ask(past, "etl", "For ann?", 5, "ann")
    answered(past, ask(past, "etl", "Done?", 6), "bob")
    ask(past, "etl", "Ship it?", 7)
    ask(past, "other", "Elsewhere?", 5)
    detail = f"{RUN}/taskInstances/b/{{}}/hitlDetails"

    def status(client: Client, index: int, **body: object) -> int:
        return client.patch(detail.format(index), {"chosen_options": ["yes"], **body}).status

    ann = world.person("ann", Role.USER)
    reader = world.person("vi", Role.VIEWER)
    narrow = world.person("nora", Role.USER, {"etl": False})
    assert status(admin, 5) == 403
    assert status(ann, 5) == 200
    assert status(admin, 6) == 409
    assert status(admin, 7, chosen_options=["maybe"]) == 400
    assert status(admin, 7, chosen_options=[]) == 422
    assert status(admin, 7, params_input={"n": "x"}) == 400
    assert status(admin, 7, responded_by="eve") == 422
    assert status(reader, 7) == status(narrow, 7) == 403
    assert narrow.get(f"{RUN}/hitlDetails").json["total_entries"] == 3
    assert "Elsewhere" not in narrow.get("/api/v2/dags/~/dagRuns/~/hitlDetails").text
    assert narrow.get("/api/v2/dags/other/dagRuns/r1/hitlDetails").status == 404


def test_pages_show_what_waits_and_what_was_answered(past: History, world: World) -> None:
    ask(past, "etl", "Ship it?", 5, "bob")
    answered(past, ask(past, "etl", "Refund?", 6), "bob")
    ask(past, "other", "Elsewhere?", 5)
    vi = world.person("vi", Role.VIEWER, {"etl": False})
    waiting = vi.get("/ui/questions").json
    assert [q["subject"] for q in waiting["questions"]] == ["Ship it?"]
    assert waiting["questions"][0]["for"] == ["bob"]
    assert waiting["questions"][0]["params"][0]["name"] == "n"
    assert vi.get("/ui/questions?dag=other").status == 404
    (done,) = vi.get("/ui/questions?answered=true").json["questions"]
    assert (done["subject"], done["answer"]["by"], done["answer"]["chosen"]) == (
        "Refund?",
        "bob",
        ["no"],
    )
    assert [q["subject"] for q in vi.get("/ui/home").json["asks"]] == ["Ship it?"]
    task = vi.get("/ui/task?dag=etl&run=r1&task=b&map=5").json
    assert (task["question"]["subject"], task["question"]["waits"]) == ("Ship it?", True)
    assert vi.get("/ui/task?dag=etl&run=r1&task=b&map=6").json["question"]["waits"] is False
