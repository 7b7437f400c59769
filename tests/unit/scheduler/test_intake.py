from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from tradewind.engine.admit import Admission
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.outcome import Vanished
from tradewind.model.state import AttemptState
from tradewind.scheduler.board import Board, LiveAttempt
from tradewind.scheduler.intake import Intake
from tradewind.scheduler.work import Work
from tradewind.store.connect import Database
from tradewind.wire.messages import Claim, Finish

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ATTEMPT = AttemptId("a")


class FakeClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def work() -> Work:
    return Work(1, NOW)


@pytest.fixture
def intake() -> Intake:
    board = Board(Admission())
    board.attempts[ATTEMPT] = LiveAttempt(
        attempt_id=ATTEMPT,
        ti=TiKey(1, "t", -1),
        fence=1,
        executor="LocalExecutor",
        claim_token="token",
    )
    return Intake(cast("Database", None), board, FakeClock())


def vanished() -> Finish:
    outcome = Vanished(reason="the zygote died", before_start=True)
    return Finish(seq=2, attempt_id=ATTEMPT, nonce="n", outcome=outcome)


def test_a_claim_and_its_end_in_one_turn_follow_each_other(work: Work, intake: Intake) -> None:
    intake.claim(
        work,
        "peer",
        Claim(seq=1, attempt_id=ATTEMPT, nonce="n", claim_token="token", worker="w"),
    )
    intake.finish(work, "peer", vanished())
    (end,) = work.turn.ends
    assert (end.before, end.nonce) == (AttemptState.RUNNING, "n")
    assert [reply.error for _, reply in work.replies] == [None, None]


def test_a_launch_that_came_to_nothing_ends_unclaimed(work: Work, intake: Intake) -> None:
    intake.finish(work, "peer", vanished())
    (end,) = work.turn.ends
    assert (end.before, end.nonce) == (AttemptState.QUEUED, None)
