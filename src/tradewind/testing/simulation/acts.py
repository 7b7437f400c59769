"""What can happen to a run: each act takes a world and lets one random thing happen.

Outcomes of every kind, several in one batch; messages twice and late; a scheduler that forgets
and loads again; users who clear and mark in the middle; a previous run that changes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tradewind.engine.graph import xcom_tasks
from tradewind.model.event import (
    Admitted,
    Claimed,
    Cleared,
    Marked,
    PastChanged,
    Reported,
    RunMarked,
    Started,
    Ticked,
    TriggerReported,
)
from tradewind.model.ids import TaskKey
from tradewind.model.outcome import TriggerFailed, TriggerFired, Vanished
from tradewind.model.spec import TaskSpec
from tradewind.model.state import TERMINAL_STATES, RunState, TaskState
from tradewind.testing.simulation.ledger import require
from tradewind.testing.simulation.outcomes import NULL, report
from tradewind.testing.simulation.world import World

_STOPS = 0.06
"""How often something is stopped and cleared, or what was stopped ends."""


def act(world: World) -> None:
    """Let one random thing happen."""
    if world.stops and world.rng.random() < _STOPS:
        world.rng.choice((_stopped, _mark_and_clear))(world)
        return
    chosen = world.rng.choices(list(ACTS), list(ACTS.values()))[0]
    chosen(world)


def _start(world: World) -> None:
    world.tell(Started())


def _admit(world: World) -> None:
    world.admit(world.rng.randint(1, 6))


def _claim(world: World) -> None:
    for ti in world.some(TaskState.QUEUED):
        assert ti.attempt_id is not None
        world.tell(Claimed(ti.in_run, ti.attempt_id))


def _report(world: World) -> None:
    states = (TaskState.RUNNING, TaskState.RUNNING, TaskState.QUEUED, TaskState.RESTARTING)
    wanted = world.some(*states)
    if wanted:
        world.tell(
            *(report(world.rng, world.graph, ti, world.now, luck=world.luck) for ti in wanted)
        )


def _stopped(world: World) -> None:
    """Let something that was told to stop say that it has ended."""
    if world.stopping:
        key, (attempt_id, _) = world.rng.choice(sorted(world.stopping.items()))
        outcome = Vanished(reason="stopped", exit_signal=15)
        world.tell(Reported(key=key, attempt_id=attempt_id, outcome=outcome))


def _mark_and_clear(world: World) -> None:
    """Mark what runs and clear it while it is still on its way out."""
    keys = tuple(ti.in_run for ti in world.some(TaskState.RUNNING))
    if keys:
        state = world.rng.choice((TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED))
        world.tell(Marked(keys=keys, state=state))
        world.tell(Cleared(keys=keys, actor="jo"))


def _trigger(world: World) -> None:
    for ti in world.some(TaskState.DEFERRED):
        fence = ti.fence - (world.rng.random() < 0.2)
        fired = TriggerFired(payload=NULL)
        result = fired if world.rng.random() < 0.7 else TriggerFailed(error="lost")
        world.tell(TriggerReported(key=ti.in_run, fence=fence, result=result))


def _time(world: World) -> None:
    world.now += timedelta(seconds=world.rng.choice([1, 10, 60]))
    world.tell(Ticked())


def _again(world: World) -> None:
    """Deliver an old message once more: it moves nothing that it is about."""
    if not world.old:
        return
    event = world.rng.choice(world.old)
    if isinstance(event, Claimed | Reported):
        current = {ti.attempt_id for ti in world.ledger.rows.values()}
        if event.attempt_id in current:
            return
        moved = [change.after.in_run for change in world.tell(event).changes]
        require(event.key not in moved, f"5: a late {type(event).__name__} moved {event.key}")
        world.counts["late message"] += 1
    elif not isinstance(event, Admitted | Started):
        world.tell(event)


def _reload(world: World) -> None:
    world.reload()
    world.tell(Ticked())


def _clear(world: World) -> None:
    live = world.some(TaskState.QUEUED, TaskState.RUNNING, TaskState.DEFERRED)
    keys = _any_keys(world)
    if live and world.rng.random() < 0.3:
        keys = (live[0].in_run,)
    state = RunState.QUEUED if world.rng.random() < 0.9 else None
    if keys:
        whole = [t for t in world.spec.tasks if _covers(world, keys, t)]
        world.tell(Cleared(keys=keys, run_state=state, actor="jo"))
        for task in whole:
            _must_be_taken_back(world, task)


def _covers(world: World, keys: tuple[TaskKey, ...], task: TaskSpec) -> bool:
    """Tell whether a clear covers every instance of an expanded task outside of groups."""
    rows = [
        ti
        for ti in world.ledger.rows.values()
        if ti.task_id == task.task_id and ti.state is not TaskState.REMOVED
    ]
    expanded = any(ti.map_path for ti in rows) and task.group_id is None
    return expanded and all(ti.in_run in keys for ti in rows)


def _must_be_taken_back(world: World, task: TaskSpec) -> None:
    """A task that was cleared whole, and maps over what has to run again, is not expanded."""
    assert task.expand is not None
    over = {i for _, source in task.expand.sources for i in xcom_tasks(source)}
    names = {world.spec.tasks[i].task_id for i in over}
    rows = [ti for ti in world.ledger.rows.values() if ti.state is not TaskState.REMOVED]
    if any(ti.task_id in names and ti.state not in TERMINAL_STATES for ti in rows):
        left = [str(ti.in_run) for ti in rows if ti.task_id == task.task_id and ti.map_path]
        require(not left, f"23: {left} wait for values that may become fewer")


def _mark(world: World) -> None:
    state = world.rng.choice((TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED))
    keys = _any_keys(world)[:2]
    if keys:
        world.tell(Marked(keys=keys, state=state))


def _mark_run(world: World) -> None:
    world.tell(RunMarked(state=world.rng.choice([RunState.SUCCESS, RunState.FAILED])))


def _past(world: World) -> None:
    world.past = world.another_past(well=False)
    world.tell(PastChanged(task_ids=tuple(sorted(world.live.past_needs()))))


def _any_keys(world: World) -> tuple[TaskKey, ...]:
    """Return most instances of a task, and maybe of everything below it."""
    rng, graph = world.rng, world.graph
    keys: list[TaskKey] = sorted(world.ledger.rows)
    if not keys:
        return ()
    task = graph.index[rng.choice(keys).task_id]
    tasks = {task} | (graph.descendants(task) if rng.random() < 0.7 else set())
    names = {graph.tasks[i].task_id for i in tasks}
    kept = rng.choice([1.0, 0.9])
    return tuple(k for k in keys if k.task_id in names and rng.random() < kept)


ACTS: dict[Callable[[World], None], float] = {
    _start: 4,
    _admit: 12,
    _claim: 12,
    _report: 16,
    _trigger: 4,
    _time: 6,
    _again: 3,
    _reload: 2,
    _clear: 2,
    _mark: 0.7,
    _mark_run: 0.2,
    _past: 1,
}
"""What may happen, and how often."""
