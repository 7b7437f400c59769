"""What each event does to a run: one handler a kind.

A handler moves only what its event names. Events about an attempt or a trigger that is not
current are dropped here; that is what makes late and repeated messages harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tradewind.engine import places
from tradewind.engine.draft import Draft
from tradewind.engine.ending import mark_run, stop_the_rest
from tradewind.engine.expand import collapse, create_task
from tradewind.engine.places import SKIP_ALL, STRAY
from tradewind.engine.settle import Verdict, settle
from tradewind.engine.stopping import has_ended
from tradewind.engine.visit import begin_again
from tradewind.model.event import (
    Admitted,
    Claimed,
    Cleared,
    Event,
    Marked,
    PastChanged,
    PutBack,
    Reported,
    RunMarked,
    Started,
    Ticked,
    TriggerReported,
)
from tradewind.model.ids import UNMAPPED, AttemptId, TaskKey
from tradewind.model.outcome import Succeeded, TriggerFailed, Vanished
from tradewind.model.run import Run
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TERMINAL_RUN_STATES, RunState, RunType, TaskState

# ---- the run starts -----------------------------------------------------------------------


def _started(draft: Draft, _event: Started) -> None:
    run = draft.live.run
    if run.state is not RunState.QUEUED:
        return
    draft.run_move(RunState.RUNNING, started_at=draft.now, ended_at=None)
    if _reconcile(draft):
        draft.reindex()
    else:
        draft.live.refresh()
        draft.touch_dirty()


def _put_back(draft: Draft, event: PutBack) -> None:
    if draft.live.run.state is RunState.RUNNING:
        reason = f"it waits for run {event.earlier!r}, which takes its place"
        draft.run_move(RunState.QUEUED, reason, queued_at=draft.now, started_at=None, ended_at=None)


def _reconcile(draft: Draft) -> bool:
    """Create the instances that this version has and the run has not, and remove the others."""
    live = draft.live
    changed = False
    for node, task in enumerate(live.task_of):
        if task == STRAY and live.tis[node].state is not TaskState.REMOVED:
            draft.release(node, "the task is not in this version of the DAG")
            draft.move(node, TaskState.REMOVED, "not in this version of the DAG")
            changed = True
    for index, spec in enumerate(live.graph.tasks):
        if not live.nodes_of[index] and is_for(spec, live.run):
            create_task(draft, index)
            changed = True
    return changed


def is_for(task: TaskSpec, run: Run) -> bool:
    """Tell whether the run's date lies between the task's start and end dates."""
    date = run.logical_date
    if date is None or run.run_type is RunType.BACKFILL:
        return True
    if task.start_date is not None and date < task.start_date:
        return False
    return task.end_date is None or date <= task.end_date


# ---- an attempt's life --------------------------------------------------------------------


def _admitted(draft: Draft, event: Admitted) -> None:
    node = draft.live.key_node.get(event.key)
    if node is None or draft.live.run.state is not RunState.RUNNING:
        return
    ti = draft.live.tis[node]
    if ti.state is TaskState.SCHEDULED:
        draft.move(
            node,
            TaskState.QUEUED,
            fence=ti.fence + 1,
            attempt_id=event.attempt_id,
            queued_at=draft.now,
        )


def _current(draft: Draft, key: TaskKey, attempt_id: AttemptId) -> int | None:
    node = draft.live.key_node.get(key)
    if node is None or draft.live.tis[node].attempt_id != attempt_id:
        return None
    return node


def _claimed(draft: Draft, event: Claimed) -> None:
    node = _current(draft, event.key, event.attempt_id)
    if node is not None and draft.live.tis[node].state is TaskState.QUEUED:
        _begin(draft, node)


def _begin(draft: Draft, node: int) -> None:
    first = draft.live.tis[node].first_started_at or draft.now
    draft.move(node, TaskState.RUNNING, started_at=draft.now, first_started_at=first, ended_at=None)


def _reported(draft: Draft, event: Reported) -> None:
    live = draft.live
    has_ended(draft, event.key, event.attempt_id)
    node = _current(draft, event.key, event.attempt_id)
    if node is None:
        return
    if live.tis[node].state is TaskState.RESTARTING:
        begin_again(draft, node, "cleared")
        return
    if live.tis[node].state is TaskState.QUEUED and not isinstance(event.outcome, Vanished):
        _begin(draft, node)
    ti = live.tis[node]
    if live.task_of[node] == STRAY or ti.state not in {TaskState.RUNNING, TaskState.QUEUED}:
        return
    task = live.graph.tasks[live.task_of[node]]
    verdict = settle(
        task,
        ti,
        event.outcome,
        draft.now,
        run=live.run,
        max_infra_losses=draft.policy.max_infra_losses,
    )
    draft.move(node, verdict.state, verdict.reason, **_settled(draft, node, event, verdict))
    _after(draft, node, verdict)
    if isinstance(event.outcome, Succeeded):
        _touch_skipped(draft, node)


def _settled(draft: Draft, node: int, event: Reported, verdict: Verdict) -> dict[str, Any]:
    ti = draft.live.tis[node]
    fields: dict[str, Any] = {"attempt_id": None, "due_at": verdict.due_at}
    if verdict.infra_loss:
        fields["infra_losses"] = ti.infra_losses + 1
    if verdict.state is TaskState.SUCCESS:
        fields["mapped_length"] = event.mapped_length
        fields["returned"] = event.returned
        if isinstance(event.outcome, Succeeded):
            skip_all = event.outcome.skip_all_downstream
            fields["skips"] = (SKIP_ALL,) if skip_all else event.outcome.skip
    elif verdict.state is TaskState.UP_FOR_RESCHEDULE:
        fields["reschedule_count"] = ti.reschedule_count + 1
    elif verdict.state is TaskState.UP_FOR_RETRY:
        fields["ended_at"] = draft.now
        fields["first_started_at"] = None
    return fields


_CALLBACKS = {
    TaskState.SUCCESS: "success",
    TaskState.FAILED: "failure",
    TaskState.UP_FOR_RETRY: "retry",
    TaskState.SKIPPED: "skipped",
}


def _after(draft: Draft, node: int, verdict: Verdict) -> None:
    kind = _CALLBACKS.get(verdict.state)
    if kind is not None:
        draft.call_back(kind, node, verdict.reason)
    graph = draft.live.graph
    if (
        verdict.state is TaskState.FAILED
        and graph.spec.fail_fast
        and not graph.tasks[draft.live.task_of[node]].is_teardown
    ):
        name = draft.live.tis[node].in_run
        stop_the_rest(draft, f"fail_fast: {name} failed")


def _touch_skipped(draft: Draft, node: int) -> None:
    live = draft.live
    ti = live.tis[node]
    task = live.task_of[node]
    if SKIP_ALL in ti.skips:
        places.short(live, task)
        targets = sorted(live.shorted[task])
    else:
        targets = [live.graph.index[name] for name in ti.skips if name in live.graph.index]
    for target in targets:
        shared = ti.map_path[: live.graph.shared_depth(task, target)]
        for found in live.relevant(target, shared):
            draft.touch(found)


def _trigger_reported(draft: Draft, event: TriggerReported) -> None:
    node = draft.live.key_node.get(event.key)
    if node is None:
        return
    ti = draft.live.tis[node]
    if ti.state is TaskState.DEFERRED and ti.fence == event.fence:
        failed = isinstance(event.result, TriggerFailed)
        reason = "the trigger failed" if failed else "the trigger fired"
        draft.move(node, TaskState.SCHEDULED, reason, due_at=None)
    elif ti.state is TaskState.AWAITING_INPUT and ti.fence == event.fence:
        draft.move(node, TaskState.SCHEDULED, "a person answered", due_at=None)


# ---- what users do ------------------------------------------------------------------------


def _cleared(draft: Draft, event: Cleared) -> None:
    live = draft.live
    why = f"cleared by {event.actor}" if event.actor else "cleared"
    changed = _reconcile(draft) if live.tis else False
    cleared: set[int] = set()
    for key in event.keys:
        node = live.key_node.get(key)
        if node is not None and _clear(draft, node, why):
            cleared.add(node)
    if event.run_state is not None and (cleared or changed):
        _reopen(draft, why)
    changed = collapse(draft, cleared) or changed
    if changed or any(_goes_on_expanding(draft, node) for node in cleared):
        draft.reindex()
    _reconsider_stubs(draft)


def _goes_on_expanding(draft: Draft, node: int) -> bool:
    """Tell whether a cleared placeholder stands for what an expansion had not reached.

    The run stopped half-way through (fail_fast, a time-out). What has rows keeps them; building
    the counts anew finds the paths that are missing, as a load does.
    """
    live = draft.live
    ti = live.tis[node]
    mapped = ti.map_index == UNMAPPED and ti.state is TaskState.NONE
    return mapped and len(live.nodes_of[live.task_of[node]]) > 1


def _reconsider_stubs(draft: Draft) -> None:
    """Decide stubs without rows anew: a user has changed what they were decided on."""
    for partial in draft.live.partial.values():
        partial.resolved.clear()
        for stub in partial.frontier:
            draft.touch(stub)


def _clear(draft: Draft, node: int, why: str) -> bool:
    live = draft.live
    ti = live.tis[node]
    partial = live.partial.get(live.task_of[node])
    if ti.state is TaskState.REMOVED or (partial is not None and partial.placeholder == node):
        return False
    if ti.state in {TaskState.NONE, TaskState.RESTARTING}:
        return True
    draft.release(node, why)
    if ti.state is TaskState.RUNNING:
        grace = timedelta(seconds=draft.policy.restart_grace_s)
        draft.move(node, TaskState.RESTARTING, why, due_at=draft.now + grace)
    else:
        begin_again(draft, node, why)
    return True


def _reopen(draft: Draft, why: str) -> None:
    """Send a run that had ended back to the queue, where it waits for admission."""
    run = draft.live.run
    if run.state in TERMINAL_RUN_STATES:
        draft.run_move(
            RunState.QUEUED,
            why,
            clear_number=run.clear_number + 1,
            queued_at=draft.now,
            started_at=None,
            ended_at=None,
        )
    else:
        draft.run_move(run.state, why, clear_number=run.clear_number + 1)


def _marked(draft: Draft, event: Marked) -> None:
    live = draft.live
    why = f"marked {event.state}" + (f" by {event.actor}" if event.actor else "")
    for key in event.keys:
        node = live.key_node.get(key)
        if node is None or live.tis[node].state in {event.state, TaskState.REMOVED}:
            continue
        partial = live.partial.get(live.task_of[node])
        if partial is None or partial.placeholder != node:
            draft.release(node, why)
            draft.move(node, event.state, why)
    _reconsider_stubs(draft)


def _run_marked(draft: Draft, event: RunMarked) -> None:
    why = f"marked {event.state}" + (f" by {event.actor}" if event.actor else "")
    if event.state is RunState.QUEUED:
        if draft.live.run.state is not RunState.QUEUED:
            draft.run_move(
                RunState.QUEUED, why, queued_at=draft.now, started_at=None, ended_at=None
            )
    else:
        mark_run(draft, event.state, why)


# ---- the rest -----------------------------------------------------------------------------


def _past_changed(draft: Draft, event: PastChanged) -> None:
    live = draft.live
    for task_id in event.task_ids:
        task = live.graph.index.get(task_id)
        for node in () if task is None else live.nodes_of[task]:
            draft.touch(node)


def _ticked(_draft: Draft, _event: Ticked) -> None:
    """Do nothing: what came due is looked at in every step."""


HANDLERS: dict[type[Event], Callable[[Draft, Any], None]] = {
    Started: _started,
    PutBack: _put_back,
    Admitted: _admitted,
    Claimed: _claimed,
    Reported: _reported,
    TriggerReported: _trigger_reported,
    Cleared: _cleared,
    Marked: _marked,
    RunMarked: _run_marked,
    PastChanged: _past_changed,
    Ticked: _ticked,
}
