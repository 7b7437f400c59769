"""Step a run: what happened, what follows.

Theory of operation
* Each event moves the instances it names; every move touches the nodes below it.
* Touched nodes are looked at once, upstreams first: a rule that is met schedules the node, a
  rule that cannot be met any more skips it or fails it, which touches the nodes below in turn.
* Only what is touched is visited: a step costs O(what changed).
* A task without work of its own (`no_op`) succeeds in the step that would have scheduled it.
* When nothing is left unfinished, the leaves decide the run's state.

Events about an attempt that is not current are ignored: the fence is the attempt id.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from tradewind.engine import commands
from tradewind.engine.live import LiveRun, Path
from tradewind.engine.rules import Verdict, judge
from tradewind.engine.settle import settle
from tradewind.engine.stepper import Stepper
from tradewind.model.event import (
    Admitted,
    CallBack,
    CancelTrigger,
    Claimed,
    Cleared,
    Event,
    Marked,
    Past,
    PastChanged,
    Reported,
    RunMarked,
    Started,
    Step,
    TriggerReported,
)
from tradewind.model.ids import UNMAPPED, TaskKey
from tradewind.model.outcome import Succeeded
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import (
    FAILED_STATES,
    SUCCESS_STATES,
    TERMINAL_RUN_STATES,
    TERMINAL_STATES,
    RunState,
    TaskState,
    TriggerRule,
)

ALL = "*"
"""In `TaskInstance.skips`: everything downstream."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment's limits.

    max_map_length: most instances of one expansion. max_losses: losses before user code began
    that one try survives.
    """

    max_map_length: int = 1024
    max_losses: int = 3


_DEFAULTS = Options()


def step(
    live: LiveRun, events: Sequence[Event], now: datetime, past: Past, options: Options = _DEFAULTS
) -> Step:
    """Return what follows from events, and bring `live` to the decided state.

    The caller drops and reloads `live` when it cannot commit the step.
    """
    stepper = Stepper(live, now, past)
    for event in events:
        _tell(stepper, event, options)
    _due(stepper)
    _settle_touched(stepper, options)
    _finish_run(stepper)
    return Step(
        changes=tuple(stepper.changes),
        created=tuple(stepper.created),
        run_change=stepper.run_change,
        effects=tuple(stepper.effects),
        wake_at=_wake_at(live),
    )


def _tell(s: Stepper, event: Event, options: Options) -> None:
    if isinstance(event, Admitted):
        _admitted(s, event)
    elif isinstance(event, Claimed):
        _claimed(s, event)
    elif isinstance(event, Reported):
        _reported(s, event, options)
    elif isinstance(event, TriggerReported):
        _trigger_reported(s, event)
    elif isinstance(event, Started):
        _started(s)
    elif isinstance(event, PastChanged):
        for task_id in event.task_ids:
            task = s.live.graph.index.get(task_id)
            for node in s.live.nodes[task] if task is not None else ():
                s.touch(node)
    elif isinstance(event, Cleared):
        commands.clear(s, event)
    elif isinstance(event, Marked):
        commands.mark(s, event)
    elif isinstance(event, RunMarked):
        commands.mark_run(s, event)


# ---- events ------------------------------------------------------------------------------


def _started(s: Stepper) -> None:
    live = s.live
    if live.run.state is not RunState.QUEUED:
        return
    s.move_run(RunState.RUNNING, started_at=live.run.started_at or s.now, ended_at=None)
    if not live.ti:
        s.add(first_instances(live))
    for node in range(len(live.ti)):
        if live.ti[node].state not in TERMINAL_STATES:
            s.touch(node)


def first_instances(live: LiveRun) -> list[TaskInstance]:
    """Return a new run's instances: one a task; none for a task that starts later."""
    logical = live.run.logical_date
    return [
        TaskInstance(run_pk=live.run.run_pk, task_id=task.task_id, max_tries=task.retries)
        for task in live.graph.tasks
        if logical is None
        or not (
            (task.start_date is not None and task.start_date > logical)
            or (task.end_date is not None and task.end_date < logical)
        )
    ]


def _admitted(s: Stepper, event: Admitted) -> None:
    node = s.live.node_of.get(event.key)
    if node is None or s.live.ti[node].state is not TaskState.SCHEDULED:
        return
    ti = s.live.ti[node]
    s.move(
        node,
        TaskState.QUEUED,
        fence=ti.fence + 1,
        attempt_id=event.attempt_id,
        queued_at=s.now,
        ended_at=None,
    )


def _current(s: Stepper, key: TaskKey, attempt_id: str, *states: TaskState) -> int | None:
    node = s.live.node_of.get(key)
    if node is None:
        return None
    ti = s.live.ti[node]
    return node if ti.attempt_id == attempt_id and ti.state in states else None


def _claimed(s: Stepper, event: Claimed) -> None:
    node = _current(s, event.key, event.attempt_id, TaskState.QUEUED)
    if node is not None:
        ti = s.live.ti[node]
        s.move(
            node,
            TaskState.RUNNING,
            started_at=s.now,
            first_started_at=ti.first_started_at or s.now,
        )


def _reported(s: Stepper, event: Reported, options: Options) -> None:
    states = (TaskState.QUEUED, TaskState.RUNNING)
    node = _current(s, event.key, event.attempt_id, *states)
    if node is None:
        return
    live = s.live
    ti = live.ti[node]
    task = live.graph.tasks[live.task_of[node]]
    verdict = settle(task, ti, live.run, event.outcome, s.now, options.max_losses)
    fields: dict[str, object] = {"due_at": verdict.due_at}
    if verdict.state is TaskState.SUCCESS and isinstance(event.outcome, Succeeded):
        skips = (ALL,) if event.outcome.skip_all_downstream else event.outcome.skip
        fields |= {
            "mapped_length": event.mapped_length,
            "returned": event.returned,
            "skips": skips,
        }
    elif verdict.free:
        fields["infra_losses"] = ti.infra_losses + 1
    elif verdict.state is TaskState.UP_FOR_RESCHEDULE:
        fields["reschedule_count"] = ti.reschedule_count + 1
    s.move(node, verdict.state, verdict.reason, **fields)
    if live.ti[node].skips == (ALL,):
        _skip_below(s, node)
    _feed(s, node)
    if verdict.state is TaskState.FAILED and live.graph.spec.fail_fast and not task.is_teardown:
        commands.stop_rest(s, "fail_fast: another task failed")


def _skip_below(s: Stepper, start: int) -> None:
    """Skip everything below a short-circuit but teardowns, which judge for themselves."""
    live = s.live
    todo, seen = [start], {start}
    while todo:
        for node in live.below(todo.pop()):
            if node in seen or live.graph.tasks[live.task_of[node]].is_teardown:
                continue
            seen.add(node)
            todo.append(node)
            if live.ti[node].state is TaskState.NONE:
                s.move(node, TaskState.SKIPPED, "skipped by a short-circuit above")


def _feed(s: Stepper, node: int) -> None:
    """Look at what maps over this task's value."""
    live = s.live
    for target in live.graph.fed.get(live.task_of[node], ()):
        tasks = live.graph.group_members[target] if isinstance(target, str) else [target]
        for task in tasks:
            for other in live.nodes[task]:
                s.touch(other)


def _trigger_reported(s: Stepper, event: TriggerReported) -> None:
    node = s.live.node_of.get(event.key)
    if node is None:
        return
    ti = s.live.ti[node]
    if ti.state is TaskState.DEFERRED and ti.fence == event.fence:
        s.move(node, TaskState.SCHEDULED, "resumed")


def _due(s: Stepper) -> None:
    live = s.live
    run = live.run
    if run.state is not RunState.RUNNING:
        return
    deadline = _deadline(live)
    if deadline is not None and deadline <= s.now:
        timeout_s = live.graph.spec.dagrun_timeout_s
        commands.stop_rest(s, f"the run took longer than its dagrun_timeout of {timeout_s:g} s")
        _end_run(s, RunState.FAILED, "dagrun_timeout")
        return
    for node in live.due(s.now):
        ti = live.ti[node]
        if ti.due_at is None or ti.due_at > s.now:
            continue
        if ti.state is TaskState.UP_FOR_RETRY:
            s.move(node, TaskState.SCHEDULED, **_next_try(ti))
        elif ti.state is TaskState.UP_FOR_RESCHEDULE:
            s.move(node, TaskState.SCHEDULED)
        elif ti.state is TaskState.DEFERRED:
            s.effects.append(CancelTrigger(key=ti.in_run, fence=ti.fence, timed_out=True))
            s.move(node, TaskState.SCHEDULED, "the deferral timed out")


def _next_try(ti: TaskInstance) -> dict[str, object]:
    return {
        "try_number": ti.try_number + 1,
        "first_started_at": None,
        "reschedule_count": 0,
        "infra_losses": 0,
        "skips": (),
    }


# ---- looking at nodes ---------------------------------------------------------------------


def _settle_touched(s: Stepper, options: Options) -> None:
    while (node := s.next_touched()) is not None:
        if s.live.run.state is RunState.RUNNING and s.live.ti[node].state is TaskState.NONE:
            _look(s, node, options)


def _look(s: Stepper, node: int, options: Options) -> None:
    live = s.live
    task = live.graph.tasks[live.task_of[node]]
    rule = task.trigger_rule
    placeholder = _is_placeholder(live, node)
    if placeholder and live.graph.levels[live.task_of[node]][0][0] is not None:
        # A mapped group takes shape as soon as its lengths are known, whatever its tasks wait for.
        if _expand(s, node, options):
            return
    imposed = live.scope_state(node) if live.graph.scope[live.task_of[node]] else None
    if imposed is not None and rule is not TriggerRule.ALWAYS:
        s.move(node, imposed, "a setup that it needs did not succeed")
        return
    chosen_away = _skipped_by(live, node)
    setup = live.setup_counts(node) if rule is TriggerRule.ALL_DONE_SETUP_SUCCESS else (0, 0, 0)
    verdict = judge(rule, live.counts[node], live.total[node], setup)
    if chosen_away is not None:
        verdict = Verdict.SKIP
    if verdict is Verdict.WAIT:
        return
    if verdict is Verdict.UPSTREAM_FAILED:
        s.move(node, TaskState.UPSTREAM_FAILED, f"trigger rule {rule}: an upstream failed")
    elif verdict is Verdict.SKIP:
        if task.wait_for_past_depends_before_skipping and not past_allows(live, node, s.past):
            return
        reason = f"not chosen by {chosen_away}" if chosen_away else f"trigger rule {rule}"
        s.move(node, TaskState.SKIPPED, reason)
    elif placeholder:
        if not _expand(s, node, options):
            s.move(node, TaskState.FAILED, "an upstream returned nothing that can be mapped over")
    elif past_allows(live, node, s.past):
        _schedule(s, node)


def _schedule(s: Stepper, node: int) -> None:
    ti = s.live.ti[node]
    task = s.live.graph.tasks[s.live.task_of[node]]
    s.move(node, TaskState.SCHEDULED, **_next_try(ti))
    if task.no_op:
        s.move(node, TaskState.SUCCESS, "nothing to run", started_at=s.now)


def _is_placeholder(live: LiveRun, node: int) -> bool:
    return live.ti[node].map_index == UNMAPPED and bool(live.graph.levels[live.task_of[node]])


def _skipped_by(live: LiveRun, node: int) -> str | None:
    """Return the branch above that did not choose this node, or None."""
    task_id = live.ti[node].task_id
    path = live.ti[node].map_path
    for u, shared in live.graph.up[live.task_of[node]]:
        if not live.graph.tasks[u].can_skip_downstream:
            continue
        for other in live.matching(u, shared, path):
            skips = live.ti[other].skips
            if task_id in skips or (ALL in skips and not _is_teardown(live, node)):
                return live.ti[other].task_id
    return None


def _is_teardown(live: LiveRun, node: int) -> bool:
    return live.graph.tasks[live.task_of[node]].is_teardown


def past_allows(live: LiveRun, node: int, past: Past) -> bool:
    """Tell whether the previous run lets this instance start (depends_on_past)."""
    task = live.graph.tasks[live.task_of[node]]
    if not (task.depends_on_past or task.wait_for_downstream) or not past.exists:
        return True
    before = past.tasks.get(task.task_id)
    if before is None or before.state is None:
        # The task is new in this run: Airflow lets it start (ignore_first_depends_on_past).
        return task.ignore_first_depends_on_past
    if before.state not in SUCCESS_STATES:
        return False
    return before.downstream_done or not task.wait_for_downstream


# ---- expansion ----------------------------------------------------------------------------


class _Unknown(Exception):  # noqa: N818  control flow inside this module
    """A length is not known yet."""


def _expand(s: Stepper, node: int, options: Options) -> bool:
    """Replace a placeholder by its instances; False while a length is not known."""
    live = s.live
    ti = live.ti[node]
    task = live.graph.tasks[live.task_of[node]]
    try:
        paths = list(_paths(live, live.task_of[node], 0, ()))
    except _Unknown:
        return False
    if not paths:
        s.move(node, TaskState.SKIPPED, "there is nothing to map over")
        return True
    if len(paths) > options.max_map_length:
        s.move(
            node,
            TaskState.FAILED,
            f"{len(paths)} instances are more than core.max_map_length = {options.max_map_length}",
        )
        return True
    s.move(node, TaskState.REMOVED, f"expanded into {len(paths)} instances")
    s.add(
        [
            TaskInstance(
                run_pk=ti.run_pk,
                task_id=ti.task_id,
                map_index=index,
                map_path=path,
                max_tries=task.retries,
            )
            for index, path in enumerate(paths)
            if TaskKey(ti.task_id, index) not in live.node_of
        ]
    )
    for d, _ in live.graph.down[live.task_of[node]]:
        for other in live.nodes[d]:
            s.touch(other)
    return True


def _paths(live: LiveRun, task: int, depth: int, path: Path) -> Iterator[Path]:
    levels = live.graph.levels[task]
    if depth == len(levels):
        yield path
        return
    lengths = [live.length(source, path) for _, source in levels[depth][1].sources]
    if any(length is None for length in lengths):
        raise _Unknown
    for index in range(math.prod(length or 0 for length in lengths)):
        yield from _paths(live, task, depth + 1, (*path, index))


# ---- the run ------------------------------------------------------------------------------


def _finish_run(s: Stepper) -> None:
    live = s.live
    if live.run.state is not RunState.RUNNING or live.unfinished:
        return
    failed = [
        live.ti[node].task_id
        for leaf in live.graph.leaves
        for node in live.nodes[leaf]
        if live.ti[node].state in FAILED_STATES
    ]
    if failed:
        _end_run(s, RunState.FAILED, f"failed: {', '.join(sorted(set(failed))[:5])}")
    else:
        _end_run(s, RunState.SUCCESS, None)


def _end_run(s: Stepper, state: RunState, reason: str | None) -> None:
    s.move_run(state, reason, ended_at=s.now)
    kind = "success" if state is RunState.SUCCESS else "failure"
    if kind in s.live.graph.spec.callbacks:
        s.effects.append(CallBack(kind=kind, reason=reason))


def _deadline(live: LiveRun) -> datetime | None:
    timeout_s = live.graph.spec.dagrun_timeout_s
    started_at = live.run.started_at
    if timeout_s is None or started_at is None:
        return None
    return started_at + timedelta(seconds=timeout_s)


def _wake_at(live: LiveRun) -> datetime | None:
    run: Run = live.run
    if run.state in TERMINAL_RUN_STATES or run.state is RunState.QUEUED:
        return None
    times = [t for t in (_deadline(live), live.next_wake()) if t is not None]
    return min(times, default=None)
