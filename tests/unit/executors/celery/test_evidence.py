from __future__ import annotations

import json
import pickle

import pytest

from tradewind.executors.base import Gone
from tradewind.executors.celery.evidence import ResultRow, facts_of
from tradewind.model.ids import AttemptId


@pytest.mark.parametrize("status", ["SUCCESS", "PENDING", "STARTED", "RETRY", "nonsense"])
def test_most_results_say_nothing(status: str) -> None:
    assert facts_of([ResultRow(task_id="a", status=status)]) == []


def test_a_revoked_message_started_nothing() -> None:
    (fact,) = facts_of([ResultRow(task_id="a", status="REVOKED")])
    assert fact == Gone(
        attempt_id=AttemptId("a"), reason="it was revoked in Celery", before_start=True
    )


def test_a_lost_supervisor_is_told() -> None:
    result = json.dumps({"exc_type": "AttemptLost", "exc_message": ["its supervisor died"]})
    (fact,) = facts_of([ResultRow(task_id="a", status="FAILURE", result=result.encode())])
    assert fact == Gone(attempt_id=AttemptId("a"), reason="Celery: its supervisor died")


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a result was unpickled",))


@pytest.mark.parametrize("result", [None, b"", b"{", b"[1]", b"\xff\xfe", pickle.dumps(Trap())])
def test_what_is_no_json_is_not_interpreted(result: bytes | None) -> None:
    (fact,) = facts_of([ResultRow(task_id="a", status="FAILURE", result=result)])
    assert fact.reason == "Celery: its task failed"
