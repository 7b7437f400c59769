"""What `actions` and other processes ask of the leader.

Events are rows; they are handled in order, and marked done in the transaction of the turn that
handled them. Whatever the leader needs to know besides (the run, its new version) is read from
the database, so an event is a hint with a name, and reading it twice is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tradewind.errors import NotFound
from tradewind.model.event import Cleared, Marked, RunMarked
from tradewind.model.ids import TaskKey
from tradewind.model.state import RunState, TaskState
from tradewind.scheduler.assets import AssetRuns
from tradewind.scheduler.runs import Runs
from tradewind.scheduler.work import Work
from tradewind.store.turn import InboxDone, InboxEvent

log = logging.getLogger(__name__)

BATCH = 200
"""Events of one turn."""


class Inbox:
    """Apply inbox events to a turn."""

    def __init__(
        self,
        runs: Runs,
        dag_changed: Callable[[str], None],
        pools_changed: Callable[[], None],
        assets: AssetRuns,
    ) -> None:
        self._runs = runs
        self._dag_changed = dag_changed
        self._pools_changed = pools_changed
        self._assets = assets

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
        payload = event.payload
        if event.kind == "run_created":
            if event.run_pk is None or not self._runs.created(event.run_pk):
                raise NotFound(f"there is no run {event.run_pk}")
            return {}
        if event.kind == "cleared":
            run_pk = self._run(event, payload.get("version_id"))
            keys = _keys(payload)
            state = payload.get("run_state", RunState.QUEUED)
            work.tell(
                run_pk,
                Cleared(
                    keys=keys,
                    run_state=RunState(state) if state else None,
                    actor=str(payload.get("actor", "")),
                ),
            )
            return {"keys": [list(k) for k in keys]}
        if event.kind == "marked":
            run_pk = self._run(event)
            keys, actor = _keys(payload), str(payload.get("actor", ""))
            work.tell(run_pk, Marked(keys=keys, state=TaskState(payload["state"]), actor=actor))
            resumed = _keys({"keys": payload.get("resumed", [])})
            if resumed:
                work.tell(run_pk, Cleared(keys=resumed, actor=actor))
            return {"keys": [list(k) for k in keys]}
        if event.kind == "run_marked":
            run_pk = self._run(event)
            work.tell(
                run_pk,
                RunMarked(state=RunState(payload["state"]), actor=str(payload.get("actor", ""))),
            )
            return {}
        if event.kind in {"dag_published", "dag_paused", "dag_changed"}:
            self._dag_changed(str(payload["dag_id"]))
        elif event.kind == "pools_changed":
            self._pools_changed()
        elif event.kind == "assets_changed":
            self._assets.look_again()
        else:
            log.warning("inbox event %d has an unknown kind %r; skipped", event.seq, event.kind)
        return {}

    def _run(self, event: InboxEvent, version_id: int | None = None) -> int:
        if event.run_pk is None or not self._runs.ensure(event.run_pk, version_id):
            raise NotFound(f"there is no run {event.run_pk}")
        return event.run_pk


def _keys(payload: dict[str, object]) -> tuple[TaskKey, ...]:
    keys = payload["keys"]
    if not isinstance(keys, list):
        raise TypeError("keys must be a list of [task_id, map_index]")
    return tuple(TaskKey(str(task_id), int(map_index)) for task_id, map_index in keys)
