"""One task instance: may it go on, and where to?

A node that waits is looked at when its gates' verdict changes, when something it asks about
changes (the previous run, a branch, a length), and when it comes due. Looking twice is harmless.
"""

from __future__ import annotations

from math import prod

from tradewind.engine import rules
from tradewind.engine.draft import Draft
from tradewind.engine.expand import expand, forgotten, settle_stub
from tradewind.engine.graph import Scope
from tradewind.engine.lengths import Unknown, lengths
from tradewind.engine.live import LiveRun
from tradewind.engine.past import past_allows
from tradewind.engine.places import SKIP_ALL
from tradewind.engine.stopping import held_until
from tradewind.model.event import CancelTrigger
from tradewind.model.run import TaskInstance
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TaskState, TriggerRule

_WAITING = (TaskState.NONE, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE)


def visit(draft: Draft, node: int) -> None:
    """Move a waiting node on if everything that it waits for allows."""
    live = draft.live
    ti = live.tis[node]
    if live.cats[node] != rules.PENDING:
        return
    if ti.state is TaskState.SCHEDULED:
        _skip_if_not_chosen(draft, node)
        return
    if ti.state not in _WAITING or (ti.due_at is not None and ti.due_at > draft.now):
        return
    scopes = live.graph.task_scopes[live.task_of[node]]
    if len(ti.map_path) < len(scopes):
        _visit_stub(draft, node, live.graph.scopes[scopes[len(ti.map_path)]])
        return
    task = live.graph.tasks[live.task_of[node]]
    verdict, reason = judge(live, node)
    if verdict == rules.RUN:
        # What was marked while it ran, and then cleared, may still be on its way out.
        if past_allows(task, draft.past) and held_until(draft, ti.in_run) is None:
            start(draft, node, task, ti)
    elif verdict == rules.FAIL:
        draft.move(node, TaskState.UPSTREAM_FAILED, reason)
    elif verdict == rules.SKIP and _may_skip(draft, task):
        draft.move(node, TaskState.SKIPPED, reason)


def judge(live: LiveRun, node: int) -> tuple[int, str | None]:
    """Return the verdict of the node's branches, setups and trigger rule, and its reason."""
    chooser = not_chosen_by(live, node)
    if chooser is not None:
        name = live.graph.tasks[chooser].task_id
        return rules.SKIP, f"{name!r} chose not to run it"
    verdict = rules.RUN
    for gate in live.gates_of(node):
        if gate.verdict >= rules.SKIP:
            return gate.verdict, _blame(live, gate.verdict, gate.number)
        if gate.verdict == rules.WAIT:
            verdict = rules.WAIT
    return verdict, None


def _blame(live: LiveRun, verdict: int, number: int) -> str:
    """Name an upstream that decided a verdict, and the rule if it is not the usual one."""
    gate = live.gates[number]
    wanted = (rules.FAILED, rules.UPSTREAM_FAILED) if verdict == rules.FAIL else (rules.SKIPPED,)
    prefix = "a setup: " if gate.spec.rule == rules.SETUPS else ""
    if gate.spec.rule not in {rules.SETUPS, TriggerRule.ALL_SUCCESS}:
        prefix = f"{gate.spec.rule.replace('TriggerRule.', '')}: "
    for position, task in enumerate(gate.spec.upstream):
        shared = gate.prefix[: gate.spec.depths[position]] if gate.spec.depths else ()
        for node in live.relevant(task, shared):
            if live.cats[node] in wanted:
                ti = live.tis[node]
                return f"{prefix}{ti.in_run} is {ti.state}"
    return f"{prefix}its upstreams ended otherwise"


def not_chosen_by(live: LiveRun, node: int) -> int | None:
    """Return the branch or short-circuit that skips this node, or None.

    A branch with several instances skips what all of those that succeeded chose to skip, once
    all have ended.
    """
    task = live.task_of[node]
    for chooser in live.graph.branches[task]:
        if _unanimous(live, chooser, node, live.graph.tasks[task].task_id):
            return chooser
    for chooser, below in live.shorted.items():
        if task in below and _unanimous(live, chooser, node, SKIP_ALL):
            return chooser
    return None


def _unanimous(live: LiveRun, chooser: int, node: int, skipped: str) -> bool:
    path = live.tis[node].map_path
    shared = path[: live.graph.shared_depth(chooser, live.task_of[node])] if path else ()
    votes = 0
    for voter in live.relevant(chooser, shared):
        category = live.cats[voter]
        if category == rules.PENDING:
            return False
        if category == rules.SUCCESS:
            skips = live.tis[voter].skips
            if skipped not in skips and SKIP_ALL not in skips:
                return False
            votes += 1
    return votes > 0


def _may_skip(draft: Draft, task: TaskSpec) -> bool:
    return not task.wait_for_past_depends_before_skipping or past_allows(task, draft.past)


def _skip_if_not_chosen(draft: Draft, node: int) -> None:
    live = draft.live
    if is_fresh(live.tis[node]) and not_chosen_by(live, node) is not None:
        _, reason = judge(live, node)
        if _may_skip(draft, live.graph.tasks[live.task_of[node]]):
            draft.move(node, TaskState.SKIPPED, reason)


def start(draft: Draft, node: int, task: TaskSpec, ti: TaskInstance) -> None:
    """Let a task run: hand it to admission, or be done with one that does nothing."""
    if task.no_op and ti.state is TaskState.NONE:
        draft.move(node, TaskState.SUCCESS, try_number=ti.try_number + 1, started_at=draft.now)
        return
    if ti.state is TaskState.UP_FOR_RESCHEDULE:
        draft.move(node, TaskState.SCHEDULED, due_at=None, attempt_id=None)
        return
    draft.move(
        node,
        TaskState.SCHEDULED,
        try_number=ti.try_number + 1,
        attempt_id=None,
        due_at=None,
        queued_at=None,
        started_at=None,
        ended_at=None,
        first_started_at=None,
        reschedule_count=0,
        infra_losses=0,
    )


def is_fresh(ti: TaskInstance) -> bool:
    """Tell whether nothing of the current try has run yet."""
    return ti.first_started_at is None and not ti.infra_losses


def withdraw(draft: Draft, node: int) -> None:
    """Let a task that has no slot yet wait again: an upstream was cleared."""
    ti = draft.live.tis[node]
    if is_fresh(ti):
        draft.move(node, TaskState.NONE, "an upstream was cleared", try_number=ti.try_number - 1)


def resume(draft: Draft, node: int) -> None:
    """Let a node go on whose time has come."""
    live = draft.live
    ti = live.tis[node]
    if ti.state is TaskState.DEFERRED:
        draft.effects.append(CancelTrigger(key=ti.in_run, fence=ti.fence, timed_out=True))
        draft.move(node, TaskState.SCHEDULED, "the trigger timed out", due_at=None)
    elif ti.state is TaskState.AWAITING_INPUT:
        draft.effects.append(CancelTrigger(key=ti.in_run, fence=ti.fence, timed_out=True))
        draft.move(node, TaskState.SCHEDULED, "nobody answered in time", due_at=None)
    elif ti.state is TaskState.RESTARTING:
        begin_again(draft, node, "cleared; the old attempt did not end in time")
    else:
        draft.touch(node)


def begin_again(draft: Draft, node: int, reason: str | None) -> None:
    """Let an instance wait for its upstreams again, its tries counting on."""
    live = draft.live
    task = live.task_of[node]
    spec = live.graph.tasks[task] if task >= 0 else None
    draft.move(node, TaskState.NONE, reason, **forgotten(live.tis[node], spec))
    draft.touch(node)


def _visit_stub(draft: Draft, node: int, scope: Scope) -> None:
    live = draft.live
    task = live.graph.tasks[live.task_of[node]]
    partial = live.partial.get(live.task_of[node])
    if partial is not None and node in partial.resolved:
        return
    verdict, reason = judge(live, node)
    if verdict == rules.FAIL:
        settle_stub(draft, node, TaskState.UPSTREAM_FAILED, reason)
        return
    if verdict == rules.SKIP:
        if _may_skip(draft, task):
            settle_stub(draft, node, TaskState.SKIPPED, reason)
        return
    found = lengths(live, scope, live.tis[node].map_path, draft.policy.max_map_length)
    if isinstance(found, Unknown):
        if found.state is not None:
            settle_stub(draft, node, found.state, found.reason)
    elif verdict == rules.RUN or scope.group_id is not None:
        expand(draft, node, prod(found.values()))
