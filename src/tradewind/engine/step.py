"""Events in, decision out: the one way in which a run changes.

    step(live, events, now, past) -> Step

Theory of operation. Events are facts; each moves at most the task instances that it names, and
one that is about an attempt, a trigger or a state that is no longer current moves nothing, so
that a repeated or late event is harmless. Then everything that came due is looked at, then
everything whose upstreams changed, in topological order, and last whether the run has ended.

`live` is left in the decided state. The caller commits the `Step`; if that fails, or nobody
knows whether it did, it drops `live` and loads it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import heappop

from tradewind.engine.draft import DEFAULT_POLICY, DUE_STATES, Draft, Policy
from tradewind.engine.ending import finish, time_out
from tradewind.engine.events import HANDLERS
from tradewind.engine.live import LiveRun
from tradewind.engine.places import Gate
from tradewind.engine.rules import RUN, WAIT
from tradewind.engine.stopping import give_up_waiting
from tradewind.engine.visit import resume, visit, withdraw
from tradewind.model.event import Event, Past, Step
from tradewind.model.state import TERMINAL_RUN_STATES, RunState, TaskState

NO_PAST = Past()


def step(
    live: LiveRun,
    events: Sequence[Event],
    now: datetime,
    past: Past = NO_PAST,
    policy: Policy = DEFAULT_POLICY,
) -> Step:
    """Decide what follows from these events at this time.

    Args:
        live: the run; it is changed.
        events: what happened, in order. None at all is as good as a `Ticked`.
        now: the time.
        past: the previous run, as far as `live.past_needs()` asks for it.
        policy: the deployment's settings.
    """
    draft = Draft(live, now, past, policy)
    if live.dirty and live.run.state is RunState.RUNNING:
        draft.touch_dirty()
    for event in events:
        handle: Callable[[Draft, Event], None] = HANDLERS[type(event)]
        handle(draft, event)
    if (live.wakes and live.wakes[0][0] <= now) or live.stopping:
        _come_due(draft)
    if live.run.state is RunState.RUNNING:
        deadline = draft.deadline()
        if deadline is not None and deadline <= now:
            time_out(draft)
        else:
            _propagate(draft)
            if not live.unfinished:
                finish(draft)
    return draft.close()


def _propagate(draft: Draft) -> None:
    """Look at everything that was touched, in topological order, until nothing is left."""
    while (found := draft.touched()) is not None:
        gate, node = found
        if gate is None:
            visit(draft, node)
        else:
            _show(draft, gate)


def _show(draft: Draft, gate: Gate) -> None:
    """Show a gate's verdict to its members if it changed."""
    live = draft.live
    verdict, before = live.judge(gate), gate.verdict
    if verdict == before:
        return
    gate.verdict = verdict
    if before == RUN:
        for node in gate.members:
            if live.tis[node].state is TaskState.SCHEDULED:
                withdraw(draft, node)
    if verdict != WAIT:
        for node in gate.members:
            visit(draft, node)


def _come_due(draft: Draft) -> None:
    live = draft.live
    if live.run.state in TERMINAL_RUN_STATES:
        return
    give_up_waiting(draft)
    while live.wakes and live.wakes[0][0] <= draft.now:
        due, node = heappop(live.wakes)
        ti = live.tis[node]
        if ti.due_at == due and ti.state in DUE_STATES:
            resume(draft, node)
