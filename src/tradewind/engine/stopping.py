"""Attempts that were told to stop: their task starts nothing new until they have ended.

A mark, a clear, fail_fast or a time-out moves a task on at once, while its process is still
being killed. A worker that nobody hears of stops by itself before `restart_grace_s` is over.
"""

from __future__ import annotations

from datetime import datetime

from tradewind.engine.draft import Draft
from tradewind.model.ids import AttemptId, TaskKey


def held_until(draft: Draft, key: TaskKey) -> datetime | None:
    """Return when what a task was told to stop counts as ended; None: nothing of it runs."""
    found = draft.live.stopping.get(key)
    return found[1] if found is not None and found[1] > draft.now else None


def has_ended(draft: Draft, key: TaskKey, attempt_id: AttemptId) -> None:
    """Let a task go on if it waits for the end of this attempt."""
    found = draft.live.stopping.get(key)
    if found is not None and found[0] == attempt_id:
        _let_go(draft, key)


def give_up_waiting(draft: Draft) -> None:
    """Let tasks go on whose old attempt counts as ended."""
    for key in [k for k, (_, until) in draft.live.stopping.items() if until <= draft.now]:
        _let_go(draft, key)


def _let_go(draft: Draft, key: TaskKey) -> None:
    del draft.live.stopping[key]
    node = draft.live.key_node.get(key)
    if node is not None:
        draft.touch(node)
