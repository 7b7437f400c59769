"""Tasks that ask a person, over the real scheduler and store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.actions.clear import clear
from tradewind.actions.plan import plan
from tradewind.actions.respond import respond
from tradewind.engine.plan import Selection
from tradewind.errors import Conflict, NotFound, UserError
from tradewind.model.ids import TiKey
from tradewind.model.outcome import Deferred, Question, Succeeded
from tradewind.model.run import Run
from tradewind.model.state import RunState, TaskState
from tradewind.store.read import hitl
from tradewind.wire.messages import Finish

QUESTION = Question(
    subject="go?",
    options=("yes", "no"),
    params={"n": {"value": 1, "schema": {"type": "integer"}, "description": None}},
    assigned_users=({"id": "7", "name": "ann"},),
)


def ask(town: Town, *, timeout_s: float | None = None) -> tuple[Run, TiKey]:
    """Let the task ask, and return its run and itself."""
    run = town.trigger()
    town.after(1)
    launch = town.executor.launches[-1]
    town.claim(launch)
    outcome = Deferred(
        trigger="",
        kwargs=b"{}",
        next_method="execute_complete",
        next_kwargs=b"{}",
        timeout_s=timeout_s,
        question=QUESTION,
    )
    done = Finish(seq=2, attempt_id=launch.attempt_id, nonce="n", outcome=outcome)
    assert town.say(done).error is None
    return run, TiKey(run.run_pk, "a", -1)


def answer(town: Town, ti: TiKey, *chosen: str, user: str = "ann", **params: Any) -> bool:
    return respond(
        town.db,
        town.cluster.signal,
        town.cluster.clock,
        ti,
        chosen,
        params,
        user_id=user,
        user_name=user,
        wait_s=0,
    )


def test_a_task_goes_on_with_the_answer(found: Found) -> None:
    town = found(dag(scripted()))
    run, ti = ask(town)
    assert town.tis(run)["a"].state is TaskState.AWAITING_INPUT
    (asked,) = hitl.waiting(town.db)
    assert (asked.question, asked.dag_id, asked.run_id) == (QUESTION, "d", run.run_id)
    answer(town, ti, "yes", n=4)
    answer(town, ti, "no", n=5)  # at the same moment: the first counts
    town.after(1)
    launch = town.executor.launches[-1]
    resume = launch.assignment.resume
    assert resume is not None
    assert resume.method == "execute_complete"
    told = msgspec.json.decode(resume.payload or b"")
    assert (told["chosen_options"], told["params_input"]) == (["yes"], {"n": 4})
    assert told["responded_by_user"] == {"id": "ann", "name": "ann"}
    assert launch.assignment.try_number == 1
    town.claim(launch)
    town.say(Finish(seq=4, attempt_id=launch.attempt_id, nonce="n", outcome=Succeeded()))
    assert town.run(run).state is RunState.SUCCESS
    kept = hitl.asked(town.db, ti)
    assert kept is not None
    assert (kept.chosen_options, kept.waits) == (("yes",), False)
    assert hitl.waiting(town.db) == []
    with pytest.raises(Conflict, match="answered by ann already"):
        answer(town, ti, "no")


def test_a_question_outlives_its_scheduler(found: Found) -> None:
    town = found(dag(scripted()))
    run, ti = ask(town)
    answered_before = len(town.executor.launches)
    town.fail_over()
    assert town.tis(run)["a"].state is TaskState.AWAITING_INPUT
    answer(town, ti, "no")
    town.after(1)
    assert len(town.executor.launches) == answered_before + 1
    assert town.executor.launches[-1].assignment.resume is not None


def test_nobody_answers_in_time(found: Found) -> None:
    town = found(dag(scripted()))
    run, ti = ask(town, timeout_s=60)
    town.after(55)
    assert town.tis(run)["a"].state is TaskState.AWAITING_INPUT
    town.after(10)
    resume = town.executor.launches[-1].assignment.resume
    assert resume is not None
    assert resume.timed_out
    with pytest.raises(Conflict, match="waits for no answer any more"):
        answer(town, ti, "yes")


def test_a_task_that_is_cleared_asks_anew(found: Found) -> None:
    town = found(dag(scripted()))
    run, ti = ask(town)
    planned = plan(town.db, town.run(run), Selection(task_ids=("a",)))
    clear(town.db, town.cluster.signal, town.cluster.clock, planned, wait_s=0)
    town.after(1)
    assert town.executor.launches[-1].assignment.resume is None
    with pytest.raises(Conflict, match="waits for no answer"):
        answer(town, ti, "yes")


def test_answers_that_do_not_fit_are_refused(found: Found) -> None:
    town = found(dag(scripted()))
    _, ti = ask(town)
    with pytest.raises(UserError, match="'maybe' is no option; there are: yes, no"):
        answer(town, ti, "maybe")
    with pytest.raises(UserError, match="choose an option"):
        answer(town, ti)
    with pytest.raises(UserError, match="choose one option of: yes, no"):
        answer(town, ti, "yes", "no")
    with pytest.raises(UserError, match="the field 'n': 'x' is not of type 'integer'"):
        answer(town, ti, "yes", n="x")
    with pytest.raises(UserError, match="has no field 'm'; it has: n"):
        answer(town, ti, "yes", m=1)
    with pytest.raises(UserError, match="is for ann to answer"):
        answer(town, ti, "yes", user="bob")
    with pytest.raises(NotFound, match="asks nothing"):
        answer(town, TiKey(ti.run_pk, "b", -1), "yes")
