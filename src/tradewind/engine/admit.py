"""Admission: which scheduled tasks get a slot now, across all runs.

Theory of operation
* Ready tasks wait in one heap per (pool, run): best priority first, then oldest.
* Slots are counted from task states alone (queued and running hold one; deferred too where
  the pool says so); `observe` follows every change, so nothing is recounted.
* `admit` takes from the runs of each pool in turn, so that neither a full pool nor one huge
  run keeps others waiting; among runs, those with the best waiting priority come first.
* A task that some limit holds back is set aside for this call only; `why` says which limit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from tradewind.engine.live import LiveRun
from tradewind.model.event import Blocked, TaskChange
from tradewind.model.ids import TaskKey, TiKey
from tradewind.model.run import Pool
from tradewind.model.spec import TaskSpec
from tradewind.model.state import LIVE_STATES, TaskState


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to give. executors: slots by name (None: only parallelism bounds it)."""

    pools: Mapping[str, Pool]
    executors: Mapping[str, int | None]
    parallelism: int
    default_executor: str


class _Ready(msgspec.Struct, frozen=True):
    """A scheduled task that waits for a slot."""

    ti: TiKey
    dag_id: str
    pool: str
    slots: int
    executor: str | None
    max_active_tasks: int
    per_dag: int | None
    per_run: int | None


_Item = tuple[int, int, _Ready]


class Admission:
    """The ready tasks and the slots in use."""

    def __init__(self) -> None:
        self._capacity = Capacity(pools={}, executors={}, parallelism=0, default_executor="")
        self._queues: dict[str, dict[int, list[_Item]]] = {}
        self._ready: dict[TiKey, _Ready] = {}
        self._held: dict[TiKey, tuple[_Ready, bool]] = {}
        self._keys: dict[int, set[TiKey]] = {}
        self._pools: Counter[str] = Counter()
        self._executors: Counter[str] = Counter()
        self._runs: Counter[int] = Counter()
        self._tasks: Counter[tuple[str, str]] = Counter()
        self._run_tasks: Counter[tuple[int, str]] = Counter()
        self._running = 0

    def set_capacity(self, capacity: Capacity) -> None:
        """Take other limits from now on; what runs is not touched."""
        self._capacity = capacity

    def load(self, live: LiveRun) -> None:
        """Count a run afresh."""
        self.forget(live.run.run_pk)
        for ti in live.instances():
            self._note(live, ti.in_run, ti.state)

    def forget(self, run_pk: int) -> None:
        """Forget a run."""
        for ti in self._keys.pop(run_pk, ()):
            self._release(ti)
            self._ready.pop(ti, None)
        for queues in self._queues.values():
            queues.pop(run_pk, None)

    def observe(self, live: LiveRun, changes: Sequence[TaskChange]) -> None:
        """Follow a step's changes."""
        for change in changes:
            self._note(live, change.after.in_run, change.after.state)

    def admit(self, limit: int) -> list[TiKey]:
        """Choose at most `limit` ready tasks that fit every limit; nothing is changed."""
        if not self._ready or limit <= 0:
            return []
        taken = _Taken()
        chosen: list[TiKey] = []
        for ready in self._in_turn():
            if len(chosen) >= limit:
                break
            if self._running + taken.running >= self._capacity.parallelism:
                break
            if self._blocked(ready, taken) is None:
                taken.add(ready, self._executor(ready))
                chosen.append(ready.ti)
        return chosen

    def why(self, live: LiveRun, key: TaskKey) -> Blocked | None:
        """Return which limit holds a scheduled task back, or None when it would fit."""
        ready = self._ready.get(TiKey(live.run.run_pk, *key))
        if ready is None:
            return None
        if self._running >= self._capacity.parallelism:
            text = f"{self._running} tasks run, as many as core.parallelism allows"
            return Blocked(code="parallelism", text=text)
        return self._blocked(ready, _Taken())

    def occupied(self) -> dict[str, int]:
        """Return the slots in use by pool."""
        return {pool: count for pool, count in self._pools.items() if count}

    def waiting(self) -> int:
        """Return how many scheduled tasks wait for a slot."""
        return len(self._ready)

    # ---- counting -------------------------------------------------------------------------

    def _note(self, live: LiveRun, key: TaskKey, state: TaskState) -> None:
        ti = TiKey(live.run.run_pk, *key)
        self._release(ti)
        was_ready = self._ready.pop(ti, None) is not None
        if state is TaskState.SCHEDULED:
            self._enqueue(live, ti)
        elif state in LIVE_STATES or state is TaskState.DEFERRED:
            self._hold(_ready_of(live, ti), deferred=state is TaskState.DEFERRED)
        elif not was_ready:
            return
        self._keys.setdefault(ti.run_pk, set()).add(ti)

    def _enqueue(self, live: LiveRun, ti: TiKey) -> None:
        ready = _ready_of(live, ti)
        self._ready[ti] = ready
        task = live.graph.index[ti.task_id]
        item = (-live.graph.weights[task], live.node_of[ti.in_run], ready)
        queue = self._queues.setdefault(ready.pool, {}).setdefault(ti.run_pk, [])
        heapq.heappush(queue, item)

    def _hold(self, ready: _Ready, *, deferred: bool) -> None:
        self._held[ready.ti] = (ready, deferred)
        pool = self._capacity.pools.get(ready.pool)
        if not deferred or (pool is not None and pool.include_deferred):
            self._pools[ready.pool] += ready.slots
        if deferred:
            return
        self._count(ready, 1)

    def _release(self, ti: TiKey) -> None:
        held = self._held.pop(ti, None)
        if held is None:
            return
        ready, deferred = held
        pool = self._capacity.pools.get(ready.pool)
        if not deferred or (pool is not None and pool.include_deferred):
            self._pools[ready.pool] -= ready.slots
        if not deferred:
            self._count(ready, -1)

    def _count(self, ready: _Ready, by: int) -> None:
        self._running += by
        self._executors[self._executor(ready)] += by
        self._runs[ready.ti.run_pk] += by
        self._tasks[ready.dag_id, ready.ti.task_id] += by
        self._run_tasks[ready.ti.run_pk, ready.ti.task_id] += by

    def _executor(self, ready: _Ready) -> str:
        return ready.executor or self._capacity.default_executor

    # ---- choosing -------------------------------------------------------------------------

    def _in_turn(self) -> Iterator[_Ready]:
        """Yield ready tasks, a run at a time in turn, better priorities first."""
        lanes: list[tuple[int, int, Iterator[_Item], _Item]] = []
        for queues in self._queues.values():
            for run_pk in list(queues):
                iterator = self._sorted(queues, run_pk)
                first = next(iterator, None)
                if first is not None:
                    lanes.append((first[0], run_pk, iterator, first))
        # Lanes are keyed by (turns taken, priority, run): all runs get a turn before any second.
        heap = [(0, prio, run, n, it, item) for n, (prio, run, it, item) in enumerate(lanes)]
        heapq.heapify(heap)
        while heap:
            turns, _, run, n, iterator, item = heapq.heappop(heap)
            yield item[2]
            following = next(iterator, None)
            if following is not None:
                heapq.heappush(heap, (turns + 1, following[0], run, n, iterator, following))

    def _sorted(self, queues: dict[int, list[_Item]], run_pk: int) -> Iterator[_Item]:
        """Yield a run's ready tasks in order, leaving the heap as it is but for what is stale."""
        queue = queues[run_pk]
        while queue and self._ready.get(queue[0][2].ti) is not queue[0][2]:
            heapq.heappop(queue)
        if not queue:
            del queues[run_pk]
            return
        # Walk the heap in order without popping: children of what was yielded are candidates.
        frontier = [(queue[0], 0)]
        while frontier:
            item, position = heapq.heappop(frontier)
            if self._ready.get(item[2].ti) is item[2]:
                yield item
            for child in (2 * position + 1, 2 * position + 2):
                if child < len(queue):
                    heapq.heappush(frontier, (queue[child], child))

    def _blocked(self, ready: _Ready, taken: _Taken) -> Blocked | None:
        pool = self._capacity.pools.get(ready.pool)
        if pool is None:
            return Blocked(
                code="unknown_pool",
                text=f"pool {ready.pool!r} does not exist; "
                f"make it with `tradewind pools set {ready.pool} SLOTS DESCRIPTION`",
            )
        used = self._pools[ready.pool] + taken.pools[ready.pool]
        if 0 <= pool.slots < used + ready.slots:
            text = f"pool {pool.name!r} has {max(0, pool.slots - used)} of {pool.slots} slots free"
            if ready.slots > 1:
                text += f", the task needs {ready.slots}"
            return Blocked(code="pool_full", text=text)
        run_pk, task_id = ready.ti.run_pk, ready.ti.task_id
        active = self._runs[run_pk] + taken.runs[run_pk]
        if active >= ready.max_active_tasks:
            text = f"{active} tasks of the run are active, as many as max_active_tasks allows"
            return Blocked(code="max_active_tasks", text=text)
        same = self._tasks[ready.dag_id, task_id] + taken.tasks[ready.dag_id, task_id]
        if ready.per_dag is not None and same >= ready.per_dag:
            text = f"{same} instances of the task are active (max_active_tis_per_dag)"
            return Blocked(code="max_active_tis_per_dag", text=text)
        here = self._run_tasks[run_pk, task_id] + taken.run_tasks[run_pk, task_id]
        if ready.per_run is not None and here >= ready.per_run:
            text = f"{here} instances of the task are active in the run (max_active_tis_per_dagrun)"
            return Blocked(code="max_active_tis_per_dagrun", text=text)
        executor = self._executor(ready)
        slots = self._capacity.executors.get(executor)
        busy = self._executors[executor] + taken.executors[executor]
        if slots is not None and busy >= slots:
            return Blocked(code="executor_full", text=f"{executor} runs {busy} of {slots} tasks")
        return None


class _Taken:
    """What one call of `admit` has given away so far."""

    def __init__(self) -> None:
        self.running = 0
        self.pools: Counter[str] = Counter()
        self.executors: Counter[str] = Counter()
        self.runs: Counter[int] = Counter()
        self.tasks: Counter[tuple[str, str]] = Counter()
        self.run_tasks: Counter[tuple[int, str]] = Counter()

    def add(self, ready: _Ready, executor: str) -> None:
        """Count one more."""
        self.running += 1
        self.pools[ready.pool] += ready.slots
        self.executors[executor] += 1
        self.runs[ready.ti.run_pk] += 1
        self.tasks[ready.dag_id, ready.ti.task_id] += 1
        self.run_tasks[ready.ti.run_pk, ready.ti.task_id] += 1


def _ready_of(live: LiveRun, ti: TiKey) -> _Ready:
    task: TaskSpec = live.task(ti.task_id)
    return _Ready(
        ti=ti,
        dag_id=live.run.dag_id,
        pool=task.pool,
        slots=task.pool_slots,
        executor=task.executor,
        max_active_tasks=live.graph.spec.max_active_tasks,
        per_dag=task.max_active_tis_per_dag,
        per_run=task.max_active_tis_per_dagrun,
    )
