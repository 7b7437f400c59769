"""Why a task is not running, as data: every reason, each with a sentence and a way out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tradewind.engine import rules
from tradewind.engine.admit import Admission
from tradewind.engine.lengths import Unknown, lengths
from tradewind.engine.live import LiveRun
from tradewind.engine.past import past_blocks
from tradewind.engine.places import STRAY
from tradewind.model.event import Blocked, Past
from tradewind.model.ids import TaskKey
from tradewind.model.run import TaskInstance
from tradewind.model.state import TERMINAL_RUN_STATES, TERMINAL_STATES, RunState, TaskState

_SHOWN = 5
"""Upstreams named in a sentence."""

_WAITING = {TaskState.NONE, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE}


def explain(
    live: LiveRun,
    key: TaskKey,
    admission: Admission,
    past: Past,
    now: datetime | None = None,
    pending: str | None = None,
) -> tuple[Blocked, ...]:
    """Return what holds a task instance back; empty when nothing does (it runs or has ended).

    A run that has not started has no task instances yet: what holds it back is the answer.

    Args:
        live: the run.
        key: the task instance.
        admission: knows pools and limits.
        past: the previous run, as far as this one asks for it.
        now: leaves out what has come due already.
        pending: why a queued attempt waits, as its executor says (`Attempt.reason`).

    Raises:
        NotFound: the run has no such task instance.
    """
    run = _run(live, now)
    if run is not None and key.task_id in _known(live) and live.find(key) is None:
        return (run,)
    ti = live.get(key)
    if ti.state in TERMINAL_STATES or ti.state is TaskState.RUNNING:
        return ()
    found: list[Blocked] = []
    if run is not None:
        found.append(run)
    found.extend(_own(ti, live, admission, now, pending))
    if ti.state in _WAITING:
        found.extend(_upstreams(live, live.key_node[key]))
        blocked = past_blocks(live.task(key.task_id), past) if key.task_id in _known(live) else None
        if blocked is not None:
            found.append(blocked)
        held = live.stopping.get(key)
        if held is not None and (now is None or held[1] > now):
            text = "its earlier attempt was told to stop; it starts when that has ended"
            found.append(Blocked(code="stopping", text=text, until=held[1]))
    return tuple(found)


def _known(live: LiveRun) -> dict[str, int]:
    return live.graph.index


def _run(live: LiveRun, now: datetime | None) -> Blocked | None:
    start = live.run.run_after
    if live.run.state is RunState.QUEUED and now is not None and start > now:
        text = f"the run stands for {start:%Y-%m-%d %H:%M:%S} UTC and starts then"
        return Blocked(code="run_after", text=text, until=start)
    if live.run.state is RunState.QUEUED:
        return Blocked(
            code="run_queued",
            text="the run waits to start: its DAG is paused, or has as many running runs as "
            "max_active_runs allows",
        )
    if live.run.state in TERMINAL_RUN_STATES:
        return Blocked(
            code="run_ended",
            text=f"the run has ended ({live.run.state}); queue it again, or clear with the run",
        )
    return None


def _own(
    ti: TaskInstance,
    live: LiveRun,
    admission: Admission,
    now: datetime | None,
    pending: str | None,
) -> Iterator[Blocked]:
    """Yield what follows from the instance's own state."""
    state, due = ti.state, ti.due_at
    if state is TaskState.SCHEDULED:
        yield admission.why(live, ti.in_run) or Blocked(
            code="next", text="nothing holds it back; it is next in line for a slot"
        )
    elif state is TaskState.QUEUED:
        if pending:
            yield Blocked(code="pending", text=f"it was handed over and waits: {pending}")
        else:
            yield Blocked(code="unclaimed", text="it was handed over; no worker has taken it yet")
    elif state is TaskState.DEFERRED:
        yield Blocked(code="deferred", text="it waits for its trigger to fire", until=due)
    elif state is TaskState.RESTARTING:
        text = "it was cleared while it ran; it starts anew when the old attempt has ended"
        yield Blocked(code="restarting", text=text, until=due)
    elif state is TaskState.AWAITING_INPUT:
        yield Blocked(code="awaiting_input", text="it waits for a person's answer", until=due)
    elif due is not None and state in _WAITING and (now is None or due > now):
        what = "the next try" if state is TaskState.UP_FOR_RETRY else "the next poke"
        yield Blocked(
            code=state.value, text=f"{what} is due at {due:%Y-%m-%d %H:%M:%S} UTC", until=due
        )


def _upstreams(live: LiveRun, node: int) -> Iterator[Blocked]:
    if live.task_of[node] == STRAY:
        return
    partial = live.partial.get(live.task_of[node])
    if partial is not None and partial.placeholder == node:
        count = len(partial.frontier)
        text = f"{count} of its outer indexes wait for the values that they map over"
        yield Blocked(code="expansion", text=text)
        return
    for gate in live.gates_of(node):
        if live.judge(gate) != rules.WAIT:
            continue
        names = [
            str(live.tis[up].in_run)
            for position, task in enumerate(gate.spec.upstream)
            for up in live.relevant(
                task, gate.prefix[: gate.spec.depths[position]] if gate.spec.depths else ()
            )
            if live.cats[up] == rules.PENDING
        ]
        listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        if gate.spec.rule == rules.SETUPS:
            yield Blocked(code="setup", text=f"its setups must succeed first: {listed}")
        else:
            rule = str(gate.spec.rule)
            yield Blocked(
                code="upstream",
                text=f"trigger rule {rule} waits for {len(names)} upstream(s): {listed}",
            )
    scope = live.scope_of(node)
    if scope is not None:
        found = lengths(live, scope, live.tis[node].map_path, None)
        if isinstance(found, Unknown):
            yield Blocked(
                code="expansion", text=f"its instances are not known yet: it {found.reason}"
            )
