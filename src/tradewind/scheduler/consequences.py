"""What an attempt's end means besides its outcome, whoever ran it."""

from __future__ import annotations

from datetime import timedelta

from tradewind.model.ids import TiKey
from tradewind.model.outcome import Deferred, Outcome, Vanished
from tradewind.scheduler.board import Board
from tradewind.scheduler.work import Work
from tradewind.store.turn import QuestionWrite, TriggerWrite


def write_consequences(work: Work, board: Board, ti: TiKey, fence: int, outcome: Outcome) -> None:
    """Write what an outcome means for the task's trigger: a new one, or that one is used up."""
    if isinstance(outcome, Deferred):
        timeout_at = None
        if outcome.timeout_s is not None:
            timeout_at = work.now + timedelta(seconds=outcome.timeout_s)
        work.turn.triggers.append(
            TriggerWrite(
                ti=ti,
                fence=fence,
                classpath=outcome.trigger,
                kwargs=outcome.kwargs,
                next_method=outcome.next_method,
                next_kwargs=outcome.next_kwargs,
                timeout_at=timeout_at,
            )
        )
        if outcome.question is not None:
            work.turn.questions.append(
                QuestionWrite(
                    ti=ti,
                    fence=fence,
                    question=outcome.question,
                    at=work.now,
                    timeout_at=timeout_at,
                )
            )
    resumed = board.resuming.get(ti)
    if resumed is not None and not (isinstance(outcome, Vanished) and outcome.before_start):
        work.turn.triggers_gone.append((ti, resumed))
