"""Tasks that ask a person, in dag.test(): answers given beforehand, time-outs, refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tradewind.errors import DagError, UserError
from tradewind.sdk import (
    DAG,
    ApprovalOperator,
    EmptyOperator,
    HITLBranchOperator,
    HITLEntryOperator,
    HITLOperator,
    Param,
)
from tradewind.testing import FakeClock, FinishedRun, run_dag


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    return run_dag(dag, clock=FakeClock(), **kwargs)


def states(finished: FinishedRun) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in finished.task_instances}


def test_a_choice_and_a_form() -> None:
    told: list[str] = []
    with DAG("d") as dag:
        HITLOperator(
            task_id="ask",
            subject="deploy {{ run_id }}?",
            options=["now", "later", "never"],
            multiple=True,
            params={"size": Param(3, type="integer"), "why": ""},
            notifiers=lambda context: told.append(context["task"].subject),
        )
    answer = {"chosen_options": ["now", "later"], "params_input": {"why": "wind"}}
    finished = run(dag, answers={"ask": answer}, logical_date="2026-03-01")
    pushed = finished.xcom("ask")
    assert pushed["chosen_options"] == ["now", "later"]
    assert pushed["params_input"] == {"size": 3, "why": "wind"}
    assert told == ["deploy manual__2026-03-01T00:00:00+00:00?"]
    (attempt,) = finished.task_instances
    assert attempt.try_number == 1


@pytest.mark.parametrize(("said", "below"), [("Approve", "success"), ("Reject", "skipped")])
def test_an_approval(said: str, below: str) -> None:
    with DAG("d") as dag:
        ApprovalOperator(task_id="ask", subject="go?") >> EmptyOperator(task_id="below")
    assert states(run(dag, answers={"ask": said})) == {"ask": "success", "below": below}


def test_a_no_may_fail_the_task() -> None:
    with DAG("d") as dag:
        ApprovalOperator(task_id="ask", subject="go?", fail_on_reject=True, retries=3)
    finished = run(dag, answers={"ask": "Reject"})
    assert states(finished) == {"ask": "failed"}
    assert "rejected: go?" in str(finished.task_instances[0].reason)


def test_a_branch_is_chosen_by_a_person() -> None:
    with DAG("d") as dag:
        ask = HITLBranchOperator(
            task_id="ask", subject="where?", options=["left", "r"], options_mapping={"r": "right"}
        )
        ask >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    finished = run(dag, answers={"ask": "r"})
    assert states(finished) == {"ask": "success", "left": "skipped", "right": "success"}


def test_the_address_of_the_page_to_answer_on() -> None:
    asked: list[str] = []

    def tell(context: Any) -> None:
        link = HITLOperator.generate_link_to_ui_from_context
        asked.append(link(context=context, base_url="http://x/", options=["a"]))

    with DAG("d") as dag:
        HITLOperator(task_id="ask", subject="?", options=["a"], notifiers=[tell])
    run(dag, answers={"ask": "a"}, logical_date="2026-03-01")
    run_id = "manual__2026-03-01T00%3A00%3A00%2B00%3A00"
    assert asked == [f"http://x/dags/d/runs/{run_id}/tasks/ask?_options=a"]


def test_nobody_answers_in_time() -> None:
    with DAG("d") as dag:
        HITLOperator(
            task_id="usual",
            subject="?",
            options=["a", "b"],
            defaults="b",
            response_timeout=timedelta(hours=1),
        )
        HITLEntryOperator(
            task_id="form", subject="?", response_timeout=timedelta(hours=1), params={"n": 1}
        )
    finished = run(dag)
    assert states(finished) == {"usual": "success", "form": "failed"}
    assert finished.xcom("usual")["chosen_options"] == ["b"]
    form = finished.get_task_instance("form")
    assert form is not None
    assert "nobody answered '?' within 1:00:00" in str(form.reason)


def test_a_run_that_nobody_can_answer_says_so() -> None:
    with DAG("d") as dag:
        HITLOperator(task_id="ask", subject="?", options=["a"])
    with pytest.raises(UserError, match="person"):
        run(dag)
    with pytest.raises(UserError, match="'z' is no option of '\\?'; there are: a"):
        run(dag, answers={"ask": "z"})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"options": []}, "options: give at least one"),
        ({"options": ["a", "a"]}, "options: each can be there once"),
        ({"options": ["a"], "defaults": "b"}, "defaults: 'b' is not among the options a"),
        ({"options": ["a", "b"], "defaults": ["a", "b"]}, "several need multiple=True"),
    ],
)
def test_questions_that_cannot_be_asked(arguments: dict[str, Any], text: str) -> None:
    with DAG("d"), pytest.raises(DagError, match=text):
        HITLOperator(task_id="ask", subject="?", **arguments)
