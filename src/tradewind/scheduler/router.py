"""Who handles which message of a local peer."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tradewind.actions.code_objects import CodeObjects
from tradewind.executors.local import LocalExecutor
from tradewind.model.outcome import Vanished
from tradewind.scheduler.board import Board
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.calls import Calls
from tradewind.scheduler.channel import Channel, Message
from tradewind.scheduler.deferral import PREFIX as TRIGGER
from tradewind.scheduler.deferral import Deferrals
from tradewind.scheduler.intake import Intake
from tradewind.scheduler.watchers import Watchers
from tradewind.scheduler.work import Work
from tradewind.store.callbacks import PREFIX as CALLBACK
from tradewind.wire.messages import (
    Beat,
    CallbackDone,
    CancelAttempt,
    Claim,
    Finish,
    GetObjects,
    Hello,
    Reply,
    Request,
    TriggerFinish,
    WatcherEvent,
)

log = logging.getLogger(__name__)


class Router:
    """Hand each message to the duty that knows about it."""

    def __init__(
        self,
        board: Board,
        channel: Channel,
        locals_: Sequence[LocalExecutor],
        intake: Intake,
        calls: Calls,
        deferrals: Deferrals,
        watchers: Watchers,
        callbacks: Callbacks,
        code: CodeObjects,
    ) -> None:
        self._board = board
        self._channel = channel
        self._locals = locals_
        self._intake = intake
        self._calls = calls
        self._deferrals = deferrals
        self._watchers = watchers
        self._callbacks = callbacks
        self._code = code

    def handle(self, work: Work, message: Message) -> None:
        """Handle one message within a turn."""
        peer_id, body = message.peer_id, message.body
        if body is None:
            self._disconnected(peer_id)
        elif isinstance(body, Claim):
            self._claim(work, peer_id, body)
        elif isinstance(body, Finish):
            if body.attempt_id.startswith(CALLBACK):
                self._callback_finish(work, peer_id, body)
            else:
                self._intake.finish(work, peer_id, body)
        elif isinstance(body, Request):
            self._calls.answer(work, peer_id, body)
        elif isinstance(body, Beat):
            self._beat(work, peer_id, body)
        elif isinstance(body, Hello):
            self._hello(body)
        elif isinstance(body, GetObjects):
            work.reply(peer_id, self._code.answer(body))
        else:
            self._ended(work, peer_id, body)

    def _ended(
        self, work: Work, peer_id: str, body: TriggerFinish | WatcherEvent | CallbackDone
    ) -> None:
        if isinstance(body, TriggerFinish):
            if not self._watchers.ended(work, peer_id, body):
                self._deferrals.finish(work, peer_id, body)
        elif isinstance(body, WatcherEvent):
            self._watchers.event(work, peer_id, body)
        else:
            self._callbacks.done(work, peer_id, body)

    def _claim(self, work: Work, peer_id: str, body: Claim) -> None:
        if body.attempt_id.startswith(TRIGGER):
            self._deferrals.claim(work, peer_id, body)
        elif body.attempt_id.startswith(CALLBACK):
            self._callbacks.claim(work, peer_id, body)
        else:
            self._intake.claim(work, peer_id, body)

    def _callback_finish(self, work: Work, peer_id: str, body: Finish) -> None:
        if isinstance(body.outcome, Vanished):
            self._callbacks.vanished(work, peer_id, body)
        else:
            work.reply(peer_id, Reply(seq=body.seq))

    def _beat(self, work: Work, peer_id: str, body: Beat) -> None:
        callbacks = [r for r in body.attempts if r.attempt_id.startswith(CALLBACK)]
        triggers = [r for r in body.attempts if r.attempt_id.startswith(TRIGGER)]
        tasks = [r for r in body.attempts if not r.attempt_id.startswith((TRIGGER, CALLBACK))]
        fenced = self._callbacks.beat(callbacks)
        fenced += self._deferrals.beat(peer_id, triggers)
        self._intake.beat(work, peer_id, body.seq, tasks, fenced)

    def _hello(self, hello: Hello) -> None:
        log.info("%s %s connected (pid %d)", hello.kind, hello.peer_id, hello.pid)
        if hello.kind == "triggerer":
            self._deferrals.connected(hello)
            self._deferrals.launch()
            return
        claimed = {
            a
            for a, live in self._board.attempts.items()
            if live.nonce is not None and live.executor in self._local_names()
        } | self._callbacks.claimed()
        claimed |= {a for a, s in self._board.stopping.items() if s.executor in self._local_names()}
        for running in hello.running:
            if running.attempt_id.startswith(CALLBACK):
                known = self._callbacks.adopt(running)
            else:
                live = self._board.attempts.get(running.attempt_id)
                known = live is not None and live.nonce in {None, running.nonce}
            if not known:
                self._channel.send(
                    hello.peer_id,
                    CancelAttempt(attempt_id=running.attempt_id, reason="fenced"),
                )
        for executor in self._locals:
            executor.connected(hello, claimed)

    def _local_names(self) -> set[str]:
        return {type(executor).__name__ for executor in self._locals}

    def _disconnected(self, peer_id: str) -> None:
        for executor in self._locals:
            executor.disconnected(peer_id)
        self._deferrals.disconnected(peer_id)
