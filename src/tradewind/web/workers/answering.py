"""Answer what remote workers say: the moves of a batch together, everything else one by one.

Nothing is believed without a proof: a claim comes with the claim token that the leader made with
the attempt, and everything later with the attempt's own token. What that proves is only whom a
message is from. Whether its attempt is still the current one is decided by its row, in the
transaction that writes (`store.attempts.judge`).
"""

from __future__ import annotations

import logging
from pathlib import Path

from tradewind.actions.code_objects import CodeObjects
from tradewind.actions.user_calls import Caller, UserCalls
from tradewind.clock import Clock
from tradewind.errors import Fenced, TradewindError, Unavailable
from tradewind.model.ids import AttemptId
from tradewind.model.state import AttemptState
from tradewind.store import attempts, callbacks
from tradewind.store.attempts import BeatMove, ClaimMove, EndMove, Move, RenderedMove, XComMove
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.signal import Signal
from tradewind.web.workers.assigned import assigned
from tradewind.web.workers.attempt_tokens import AttemptTokens, Grant
from tradewind.web.workers.callback_answering import CallbackAnswering
from tradewind.web.workers.ends import FENCED, end_move
from tradewind.web.workers.log_intake import LogIntake
from tradewind.wire.logs import log_path
from tradewind.wire.messages import (
    AppendLog,
    Assignment,
    Beat,
    CallbackDone,
    Claim,
    DeleteXCom,
    Finish,
    GetObjects,
    Reply,
    Request,
    SetRenderedFields,
    SetXCom,
)
from tradewind.wire.remote import Answers, Batch, Message, encode
from tradewind.wire.replies import refusal

log = logging.getLogger(__name__)

_EXPIRED = "the attempt's token is missing or not good any more; a beat renews it"


class Answering:
    """Answer batches."""

    def __init__(
        self,
        db: Database,
        signal: Signal,
        clock: Clock,
        user_calls: UserCalls,
        tokens: AttemptTokens,
        logs: LogIntake,
    ) -> None:
        self._db = db
        self._signal = signal
        self._clock = clock
        self._user_calls = user_calls
        self._tokens = tokens
        self._logs = logs
        self._callbacks = CallbackAnswering(db, clock, user_calls)
        self._code = CodeObjects(db)

    def answer(self, batch: Batch) -> Answers:
        """Answer a batch.

        Raises:
            Unavailable: the database cannot be reached; the batch may be sent again.
        """
        desk = _Desk(self._grants(batch))
        for message in batch.messages:
            self._sort(desk, batch.worker, message)
        verdicts = self._settle(desk)
        for (message, move), verdict in zip(desk.moved, verdicts, strict=True):
            self._judged(desk, message, move, verdict)
        for attempt_id in desk.renew:
            grant = desk.grants[attempt_id]
            if grant.renew:
                desk.tokens[attempt_id] = self._tokens.make(attempt_id, grant.log_path)
        if desk.rings or any(v.new for v, m in zip(verdicts, desk.moves, strict=True) if _tells(m)):
            self._signal.ring()
        return desk.answers(batch)

    def _settle(self, desk: _Desk) -> list[attempts.Verdict]:
        """Make the moves together; if they cannot be, one by one, without those that cannot be."""
        now = self._clock.now()
        try:
            return attempts.settle(self._db, desk.moves, now)
        except Unavailable:
            raise
        except Exception:
            log.exception("%d moves cannot be made together", len(desk.moved))
        moved, desk.moved = desk.moved, []
        verdicts: list[attempts.Verdict] = []
        for message, move in moved:
            try:
                verdicts += attempts.settle(self._db, [move], now)
                desk.moved.append((message, move))
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the others go on
                desk.reply(_broken(message, error))
        return verdicts

    def _grants(self, batch: Batch) -> dict[AttemptId, Grant]:
        read = {a: self._tokens.read(a, token) for a, token in batch.tokens.items()}
        return {a: grant for a, grant in read.items() if grant is not None}

    # ---- what is asked ----------------------------------------------------------------------

    def _sort(self, desk: _Desk, worker: str, message: Message) -> None:
        """Answer a message, or turn it into moves that are made together."""
        try:
            match message:
                case Beat():
                    self._beat(desk, message)
                case Claim() if message.attempt_id.startswith(callbacks.PREFIX):
                    self._assign(desk, message, self._callbacks.claim(message))
                case Claim():
                    desk.move(
                        message,
                        ClaimMove(
                            attempt_id=message.attempt_id,
                            claim_token=message.claim_token,
                            nonce=message.nonce,
                            worker=message.worker or worker,
                        ),
                    )
                case GetObjects():
                    # Objects are named by their content: who knows a name has seen its tree.
                    granted = any(not grant.expired for grant in desk.grants.values())
                    desk.reply(self._code.answer(message) if granted else _expired(message.seq))
                case _:
                    self._of_attempt(desk, message)
        except Unavailable:
            raise
        except TradewindError as error:
            desk.reply(refusal(message.seq, error))
        except Exception as error:  # noqa: BLE001  likewise
            desk.reply(_broken(message, error))

    def _of_attempt(
        self, desk: _Desk, message: Finish | CallbackDone | Request | AppendLog
    ) -> None:
        grant = desk.grants.get(message.attempt_id)
        if grant is None or grant.expired:
            desk.reply(_expired(message.seq))
        elif isinstance(message, AppendLog):
            desk.reply(self._append(grant, message))
        elif message.attempt_id.startswith(callbacks.PREFIX):
            desk.reply(self._callbacks.answer(message))
            desk.rings |= not isinstance(message, Request)
        elif isinstance(message, Request):
            self._request(desk, message)
        elif isinstance(message, Finish):
            desk.move(message, end_move(self._db, message, self._clock.now()))
        else:
            desk.reply(Reply(seq=message.seq, error="invalid", message="this is no callback"))

    def _append(self, grant: Grant, message: AppendLog) -> Reply:
        try:
            size = self._logs.append(grant.log_path, message.offset, message.lines)
        except OSError as error:
            log.warning("log lines of %s cannot be kept: %s", message.attempt_id, error)
            return Reply(seq=message.seq, error="unavailable", message=str(error))
        return Reply(seq=message.seq, body={"size": size})

    def _beat(self, desk: _Desk, message: Beat) -> None:
        desk.beats[message.seq] = []
        stale = [r.attempt_id for r in message.attempts if r.attempt_id not in desk.grants]
        desk.beats[message.seq] += stale
        known = [r for r in message.attempts if r.attempt_id in desk.grants]
        called = [r for r in known if r.attempt_id.startswith(callbacks.PREFIX)]
        if called:
            gone = callbacks.beat(self._db, [(r.attempt_id, r.nonce) for r in called])
            desk.beats[message.seq] += gone
            desk.renew.update(r.attempt_id for r in called if r.attempt_id not in gone)
        for running in known:
            if running not in called:
                move = BeatMove(attempt_id=running.attempt_id, nonce=running.nonce)
                desk.move(message, move)

    def _request(self, desk: _Desk, message: Request) -> None:
        call = message.call
        if isinstance(call, SetXCom | DeleteXCom):
            value = call.value if isinstance(call, SetXCom) else None
            move: Move = XComMove(
                attempt_id=message.attempt_id, nonce=message.nonce, key=call.key, value=value
            )
            desk.move(message, move)
        elif isinstance(call, SetRenderedFields):
            move = RenderedMove(
                attempt_id=message.attempt_id, nonce=message.nonce, fields=call.fields
            )
            desk.move(message, move)
        else:
            body = self._user_calls.answer(self._caller(message), message)
            desk.reply(Reply(seq=message.seq, body=body))

    def _caller(self, message: Request) -> Caller:
        row = attempts.get(self._db, message.attempt_id)
        if row is None or row.nonce != message.nonce or row.state is not AttemptState.RUNNING:
            raise Fenced(FENCED)
        run = scheduling.run(self._db, row.ti.run_pk)
        if run is None:
            raise Fenced(FENCED)
        return Caller(row.ti, message.attempt_id, run)

    # ---- what became of it ------------------------------------------------------------------

    def _judged(self, desk: _Desk, message: Message, move: Move, verdict: attempts.Verdict) -> None:
        if isinstance(message, Beat):
            if verdict.error is None:
                desk.renew.add(move.attempt_id)
            else:
                desk.beats[message.seq].append(move.attempt_id)
        elif verdict.error is not None:
            text = FENCED if verdict.error == attempts.FENCED else "there is no such attempt"
            desk.reply(Reply(seq=message.seq, error=verdict.error, message=text))
        elif isinstance(message, Claim):
            self._claimed(desk, message, verdict)
        else:
            desk.reply(Reply(seq=message.seq))

    def _claimed(self, desk: _Desk, message: Claim, verdict: attempts.Verdict) -> None:
        if verdict.assignment is None or verdict.attempt is None:
            text = "this attempt was not given to remote workers"
            desk.reply(Reply(seq=message.seq, error="invalid", message=text))
            return
        self._assign(desk, message, assigned(self._db, verdict.assignment, verdict.attempt.ti))

    def _assign(self, desk: _Desk, message: Claim, assignment: Assignment) -> None:
        token = self._tokens.make(message.attempt_id, str(log_path(Path(), assignment)))
        desk.tokens[message.attempt_id] = token
        desk.reply(Reply(seq=message.seq, body={"assignment": encode(assignment)}))


class _Desk:
    """A batch while it is answered."""

    def __init__(self, grants: dict[AttemptId, Grant]) -> None:
        self.grants = grants
        self.moved: list[tuple[Message, Move]] = []
        self.beats: dict[int, list[AttemptId]] = {}
        self.renew: set[AttemptId] = set()
        self.tokens: dict[AttemptId, str] = {}
        self.rings = False
        self._replies: dict[int, Reply] = {}

    @property
    def moves(self) -> list[Move]:
        """Return the moves to make."""
        return [move for _, move in self.moved]

    def move(self, message: Message, move: Move) -> None:
        """Keep a move for later."""
        self.moved.append((message, move))

    def reply(self, reply: Reply) -> None:
        """Answer a message."""
        self._replies[reply.seq] = reply

    def answers(self, batch: Batch) -> Answers:
        """Return the answers, in the order of the messages."""
        for seq, stale in self.beats.items():
            self._replies[seq] = Reply(seq=seq, cancel=tuple(stale))
        return Answers(
            replies=tuple(self._replies[message.seq] for message in batch.messages),
            tokens=self.tokens,
        )


def _tells(move: Move) -> bool:
    """Tell whether a move has news for the leader."""
    return isinstance(move, ClaimMove | EndMove)


def _expired(seq: int) -> Reply:
    return Reply(seq=seq, error="expired", message=_EXPIRED)


def _broken(message: Message, error: Exception) -> Reply:
    """Answer a message that hit a fault of ours: repeated, it would only hit it again."""
    log.error("a worker's %s cannot be answered", type(message).__name__, exc_info=error)
    text = "internal error; the API server's log has it"
    return Reply(seq=message.seq, error="invalid", message=text)
