"""How a run ends: its leaves, fail_fast, its time-out, a user's mark.

A run ends when no task instance is unfinished. A failed leaf fails it; skipped and successful
leaves make it a success, whatever failed above them. A run without task instances succeeds.
"""

from __future__ import annotations

from tradewind.engine import rules
from tradewind.engine.draft import Draft
from tradewind.engine.places import STRAY
from tradewind.model.event import CallBack
from tradewind.model.state import TERMINAL_STATES, RunState, TaskState


def finish(draft: Draft) -> None:
    """End a run in which nothing is unfinished."""
    failed = _failed_leaf(draft)
    if failed is None:
        _end(draft, RunState.SUCCESS, "success", None)
    else:
        _end(draft, RunState.FAILED, "task_failure", f"{draft.live.tis[failed].in_run} failed")


def _failed_leaf(draft: Draft) -> int | None:
    live = draft.live
    for task in sorted(live.graph.leaves):
        for node in live.nodes_of[task]:
            if live.cats[node] in {rules.FAILED, rules.UPSTREAM_FAILED}:
                return node
    return None


def _end(draft: Draft, state: RunState, code: str, reason: str | None) -> None:
    draft.run_move(state, reason, ended_at=draft.now)
    kind = "success" if state is RunState.SUCCESS else "failure"
    if kind in draft.live.graph.spec.callbacks:
        draft.effects.append(CallBack(kind=kind, reason=code))


def time_out(draft: Draft) -> None:
    """Fail a run that took too long; what is unfinished is skipped."""
    timeout_s = draft.live.graph.spec.dagrun_timeout_s
    reason = f"the run took longer than dagrun_timeout = {timeout_s:g} s"
    for node in _unfinished(draft):
        draft.release(node, reason)
        draft.move(node, TaskState.SKIPPED, reason)
    _end(draft, RunState.FAILED, "timed_out", reason)


def stop_the_rest(draft: Draft, reason: str) -> None:
    """Stop everything but teardowns: what runs fails, what waits is skipped."""
    live = draft.live
    for node in _unfinished(draft):
        task = live.task_of[node]
        if task != STRAY and live.graph.tasks[task].is_teardown:
            continue
        running = live.tis[node].state in {TaskState.RUNNING, TaskState.RESTARTING}
        draft.release(node, reason)
        draft.move(node, TaskState.FAILED if running else TaskState.SKIPPED, reason)
        if running:
            draft.call_back("failure", node, reason)
    _drop_partial(draft)


def mark_run(draft: Draft, state: RunState, reason: str) -> None:
    """End a run as a user says.

    Teardowns that are not finished still run, as the resources they free were taken: the run
    ends with them, and its leaves, which are made to agree with the mark, decide.
    """
    live = draft.live
    if live.run.state is state:
        return
    if state is RunState.SUCCESS:
        _mark_work_success(draft, reason)
    else:
        stop_the_rest(draft, reason)
    if live.run.state is RunState.RUNNING and live.unfinished:
        if state is RunState.FAILED and _failed_leaf(draft) is None:
            _fail_a_leaf(draft, reason)
        return
    for node in _unfinished(draft):
        draft.release(node, reason)
        draft.move(node, TaskState.SKIPPED, reason)
    draft.run_move(state, reason, ended_at=draft.now)


def _mark_work_success(draft: Draft, reason: str) -> None:
    live = draft.live
    for node in _rows(draft):
        task = live.task_of[node]
        ti = live.tis[node]
        unfinished_teardown = live.graph.tasks[task].is_teardown and ti.state not in TERMINAL_STATES
        if ti.state is not TaskState.SUCCESS and not unfinished_teardown:
            draft.release(node, reason)
            draft.move(node, TaskState.SUCCESS, reason)
    _drop_partial(draft)


def _fail_a_leaf(draft: Draft, reason: str) -> None:
    live = draft.live
    for task in sorted(live.graph.leaves):
        for node in live.nodes_of[task]:
            if live.tis[node].state in {TaskState.SKIPPED, TaskState.SUCCESS}:
                draft.move(node, TaskState.FAILED, reason)
                return


def _drop_partial(draft: Draft) -> None:
    """Give up half-done expansions: their placeholders have just ended."""
    if draft.live.partial:
        draft.reindex()


def _rows(draft: Draft) -> list[int]:
    live = draft.live
    return [
        node
        for node in live.key_node.values()
        if live.tis[node].state is not TaskState.REMOVED and live.task_of[node] != STRAY
    ]


def _unfinished(draft: Draft) -> list[int]:
    live = draft.live
    return [n for n in live.key_node.values() if live.tis[n].state not in TERMINAL_STATES]
