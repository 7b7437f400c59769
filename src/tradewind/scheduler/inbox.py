"""What `actions` and other processes ask of the leader.

Events are rows; they are handled in order, and marked done in the transaction of the turn that
handled them. Whatever the leader needs to know besides (the run, its new version) is read from
the database, so an event is a hint with a name, and reading it twice is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from tradewind.errors import NotFound
from tradewind.model.event import Cleared, Marked, RunMarked, TriggerReported
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import TriggerFired
from tradewind.model.state import RunState, TaskState
from tradewind.scheduler.assets import AssetRuns
from tradewind.scheduler.board import Board
from tradewind.scheduler.remote import RemoteAttempts
from tradewind.scheduler.remote_callbacks import RemoteCallbacks
from tradewind.scheduler.runs import Runs
from tradewind.scheduler.work import Work
from tradewind.store.turn import AnswerWrite, InboxDone, InboxEvent, TriggerResult

log = logging.getLogger(__name__)

BATCH = 200
"""Events of one turn."""

_Answer = dict[str, object] | None


class Inbox:
    """Apply inbox events to a turn."""

    def __init__(
        self,
        board: Board,
        runs: Runs,
        dag_changed: Callable[[str], None],
        pools_changed: Callable[[], None],
        assets: AssetRuns,
        remote: RemoteAttempts,
        remote_callbacks: RemoteCallbacks,
    ) -> None:
        self._board = board
        self._runs = runs
        self._dag_changed = dag_changed
        self._pools_changed = pools_changed
        self._assets = assets
        self._remote = remote
        self._remote_callbacks = remote_callbacks
        self._handlers: dict[str, Callable[[Work, InboxEvent], _Answer]] = {
            "run_created": self._run_created,
            "cleared": self._cleared,
            "marked": self._marked,
            "run_marked": self._run_marked,
            "dag_published": self._dag,
            "dag_paused": self._dag,
            "dag_changed": self._dag,
            "pools_changed": lambda *_: self._pools_changed(),
            "assets_changed": lambda *_: self._assets.look_again(),
            "claimed": self._attempt,
            "reported": self._attempt,
            "stopped": self._attempt,
            "callback_ended": self._callback_ended,
            "answered": self._answered,
        }

    def apply(self, work: Work, events: list[InboxEvent]) -> None:
        """Handle events in order; one that cannot be handled is answered, not retried."""
        for event in events:
            try:
                answer = self._one(work, event)
                work.turn.inbox_done.append(InboxDone(seq=event.seq, answer=answer))
            except (NotFound, ValueError, KeyError, TypeError) as error:
                log.warning("inbox event %d (%s) cannot be done: %s", event.seq, event.kind, error)
                work.turn.inbox_done.append(InboxDone(seq=event.seq, error=str(error)))

    def _one(self, work: Work, event: InboxEvent) -> dict[str, object]:
        handler = self._handlers.get(event.kind)
        if handler is None:
            log.warning("inbox event %d has an unknown kind %r; skipped", event.seq, event.kind)
            return {}
        return handler(work, event) or {}

    def _run_created(self, _: Work, event: InboxEvent) -> None:
        if event.run_pk is None or not self._runs.created(event.run_pk):
            raise NotFound(f"there is no run {event.run_pk}")

    def _cleared(self, work: Work, event: InboxEvent) -> _Answer:
        payload = event.payload
        run_pk = self._run(event, payload.get("version_id"))
        keys = _keys(payload)
        state = payload.get("run_state", RunState.QUEUED)
        actor = str(payload.get("actor", ""))
        run_state = RunState(state) if state else None
        work.tell(run_pk, Cleared(keys=keys, run_state=run_state, actor=actor))
        return {"keys": [list(k) for k in keys]}

    def _marked(self, work: Work, event: InboxEvent) -> _Answer:
        payload = event.payload
        run_pk = self._run(event)
        keys, actor = _keys(payload), str(payload.get("actor", ""))
        work.tell(run_pk, Marked(keys=keys, state=TaskState(payload["state"]), actor=actor))
        resumed = _keys({"keys": payload.get("resumed", [])})
        if resumed:
            work.tell(run_pk, Cleared(keys=resumed, actor=actor))
        return {"keys": [list(k) for k in keys]}

    def _run_marked(self, work: Work, event: InboxEvent) -> None:
        actor = str(event.payload.get("actor", ""))
        state = RunState(event.payload["state"])
        work.tell(self._run(event), RunMarked(state=state, actor=actor))

    def _dag(self, _: Work, event: InboxEvent) -> None:
        self._dag_changed(str(event.payload["dag_id"]))

    def _attempt(self, work: Work, event: InboxEvent) -> None:
        if self._remote.apply(work, event):
            self._assets.look_again()

    def _callback_ended(self, work: Work, event: InboxEvent) -> None:
        self._remote_callbacks.ended(work, event.payload)

    def _answered(self, work: Work, event: InboxEvent) -> None:
        """A person answered a task: it goes on with the answer."""
        payload = event.payload
        run_pk = self._run(event)
        key, fence = TaskKey(payload["task_id"], payload["map_index"]), payload["fence"]
        live = self._board.runs[run_pk].live
        found = live.get(key) if key in live.key_node else None
        if found is None or found.state is not TaskState.AWAITING_INPUT or found.fence != fence:
            raise ValueError(f"{key} waits for no answer any more")
        if any(a.ti == found.key for a in work.turn.answers):
            raise ValueError(f"{key} was answered a moment ago")
        by = {"id": str(payload["by"]["id"]), "name": str(payload["by"]["name"])}
        answer = AnswerWrite(
            ti=found.key,
            fence=fence,
            at=work.now,
            by=by,
            chosen_options=tuple(payload["chosen_options"]),
            params_input=payload["params_input"],
        )
        told = {
            "chosen_options": list(answer.chosen_options),
            "params_input": answer.params_input,
            "responded_at": work.now.isoformat(),
            "responded_by_user": by,
            "timedout": False,
        }
        data = msgspec.json.encode(told)
        work.turn.answers.append(answer)
        work.turn.trigger_results.append(TriggerResult(ti=found.key, fence=fence, payload=data))
        fired = TriggerFired(payload=data)
        work.tell(run_pk, TriggerReported(key=key, fence=fence, result=fired))
        self._board.resuming[found.key] = fence

    def _run(self, event: InboxEvent, version_id: int | None = None) -> int:
        if event.run_pk is None or not self._runs.ensure(event.run_pk, version_id):
            raise NotFound(f"there is no run {event.run_pk}")
        return event.run_pk


def _keys(payload: dict[str, object]) -> tuple[TaskKey, ...]:
    keys = payload["keys"]
    if not isinstance(keys, list):
        raise TypeError("keys must be a list of [task_id, map_index]")
    return tuple(TaskKey(str(task_id), int(map_index)) for task_id, map_index in keys)
