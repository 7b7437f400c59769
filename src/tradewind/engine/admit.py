"""Admission: which scheduled tasks get a slot now, across all runs.

Theory of operation.
* A *limiter* counts what is in use of one thing: a pool's slots, an executor, the whole
  installation, a run's max_active_tasks, a task's own limits, a DAG's pause. Occupancy follows
  from task states alone and changes only in `observe`, so nothing is recounted and a choice
  that is never committed leaves no trace.
* Ready tasks with the same limiters wait in one *lane* (a run, and where a task has limits of
  its own, that task), best priority first. Lanes that take the same kind of slot (pool,
  executor, slots each) share a *bucket*. A bucket without room is passed over as a whole, and
  a lane whose run or task is at its limit is parked at that limiter until something is given
  back: what cannot start costs nothing.
* Priority goes first, and among equals whoever was served longest ago. Every fourth slot goes
  to the lane that has waited longest whatever its priority, so that a huge run with huge
  weights slows others but never starves them; a full pool holds up nobody else by construction.
* A task that needs more slots than its pool has free is passed by smaller ones, as in Airflow.

What it does not know: what runs where. Slots follow committed states; an attempt that runs on
after its lease (see the overlap guarantee) may physically exceed them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush

import msgspec

from tradewind.engine.lanes import Bucket, Entry, Lane, Limiter, RunBook
from tradewind.engine.live import LiveRun
from tradewind.model.event import Blocked, TaskChange
from tradewind.model.ids import TaskKey, TiKey
from tradewind.model.run import Pool
from tradewind.model.state import LIVE_STATES, TaskState

FAIR_SHARE = 4
"""One slot in this many goes to whoever waited longest, whatever its priority."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to give. executors: slots by name; None: only parallelism bounds it."""

    pools: Mapping[str, Pool]
    executors: Mapping[str, int | None]
    parallelism: int
    default_executor: str


class Admission:
    """The ready tasks of all runs, and what is in use."""

    def __init__(self) -> None:
        self._limits = _Limits()
        self._queues = _Queues(self._limits)
        self._runs: dict[int, RunBook] = {}
        self._served = 0

    def set_capacity(self, capacity: Capacity) -> None:
        """Take other limits from now on; what runs is not touched."""
        self._limits.set(capacity)
        for book in self._runs.values():
            for entry in book.entries.values():
                if entry.deferred:
                    self._count_deferred(entry)
        self._limits.wake()

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Start no task of this DAG while it is paused; what runs goes on."""
        limiter = self._limits.dag(dag_id)
        limiter.capacity = 0 if paused else None
        limiter.wake()

    def load(self, live: LiveRun) -> None:
        """Count a run afresh."""
        self.forget(live.run.run_pk)
        book = self._runs[live.run.run_pk] = _book(live)
        for ti in live.instances():
            if ti.state in _CONCERNED:
                self._enter(live, book, ti.in_run, ti.state)

    def forget(self, run_pk: int) -> None:
        """Forget a run and give back what it holds."""
        book = self._runs.pop(run_pk, None)
        if book is not None:
            for entry in book.entries.values():
                self._leave(entry)
            for lane in book.lanes.values():
                lane.bucket.lanes.pop(lane.number)

    def observe(self, live: LiveRun, changes: Sequence[TaskChange]) -> None:
        """Follow a decided step's changes."""
        book = self._runs.get(live.run.run_pk)
        if book is None:
            book = self._runs[live.run.run_pk] = _book(live)
        for change in changes:
            before, after = change.before.state, change.after.state
            if before in LIVE_STATES and after in LIVE_STATES:
                continue
            key = change.after.in_run
            entry = book.entries.pop(key, None)
            if entry is not None:
                self._leave(entry)
            if after in _CONCERNED:
                lane = self._enter(live, book, key, after)
                if after is TaskState.QUEUED:
                    self._served += 1
                    lane.served = self._served
                    lane.bucket.enter(lane)

    def admit(self, limit: int) -> list[TiKey]:
        """Choose at most `limit` ready tasks that fit every limit together.

        A pure choice: what is in use changes only when `observe` sees the tasks queued.
        """
        taken: list[tuple[Entry, int]] = []
        served = self._served
        while len(taken) < limit and self._limits.total.room_for(1):
            lane = self._queues.next_lane(fair=(self._served + 1) % FAIR_SHARE == 0)
            if lane is None:
                break
            entry = heappop(lane.queue)
            taken.append((entry, lane.served))
            self._served += 1
            lane.served = self._served
            self._use(lane, 1)
            lane.bucket.enter(lane)
        for entry, before in reversed(taken):
            heappush(entry.lane.queue, entry)
            entry.lane.served = before
            self._use(entry.lane, -1)
        for lane in {id(entry.lane): entry.lane for entry, _ in taken}.values():
            lane.bucket.enter(lane)
        self._served = served
        return [entry.key for entry, _ in taken]

    def why(self, live: LiveRun, key: TaskKey) -> Blocked | None:
        """Return what holds a scheduled task back, or None when it is next in line."""
        book = self._runs.get(live.run.run_pk)
        entry = book.entries.get(key) if book is not None else None
        if entry is None or not entry.ready:
            return None
        lane, bucket = entry.lane, entry.lane.bucket
        own = lane.full()
        if own is not None:
            return _blocked(own, 1, self._limits.capacity)
        if not bucket.pool.room_for(bucket.slots):
            return _blocked(bucket.pool, bucket.slots, self._limits.capacity)
        for limiter in (bucket.executor, self._limits.total):
            if not limiter.room_for(1):
                return _blocked(limiter, 1, self._limits.capacity)
        return None

    def hopeless(self) -> list[tuple[TiKey, Blocked]]:
        """Return what no slot will ever come for until somebody acts: a task for each run.

        Its pool does not exist or is smaller than the task, or its executor is not configured.
        """
        found: dict[tuple[int, str], tuple[TiKey, Blocked]] = {}
        for bucket, blocked in self._queues.hopeless():
            for lane in bucket.lanes.values():
                first = lane.first()
                if first is not None:
                    found.setdefault((first.key.run_pk, blocked.text), (first.key, blocked))
        return list(found.values())

    def occupied(self) -> dict[str, int]:
        """Return the slots in use by pool."""
        pools = self._limits.pools
        return {name: limiter.used for name, limiter in pools.items() if limiter.used}

    def waiting(self) -> int:
        """Return how many scheduled tasks wait for a slot."""
        return sum(e.ready for book in self._runs.values() for e in book.entries.values())

    def _use(self, lane: Lane, by: int) -> None:
        bucket = lane.bucket
        _move(self._limits.total, by)
        _move(bucket.executor, by)
        _move(bucket.pool, by * bucket.slots)
        for limiter in lane.limiters:
            _move(limiter, by)

    # ---- bookkeeping --------------------------------------------------------------------

    def _enter(self, live: LiveRun, book: RunBook, key: TaskKey, state: TaskState) -> Lane:
        task = live.graph.index[key.task_id]
        lane = self._queues.lane(live, book, task, self._served)
        order = (-live.graph.weights[task], task, key.map_index)
        entry = book.entries[key] = Entry(TiKey(live.run.run_pk, *key), lane, order)
        if state is TaskState.SCHEDULED:
            entry.ready = True
            first = lane.first()
            heappush(lane.queue, entry)
            if first is None or entry < first:
                lane.bucket.enter(lane)
        elif state is TaskState.DEFERRED:
            entry.deferred = True
            self._count_deferred(entry)
        else:
            self._use(lane, 1)
        return lane

    def _leave(self, entry: Entry) -> None:
        if entry.ready:
            entry.ready = False
        elif not entry.deferred:
            self._use(entry.lane, -1)
        elif entry.counted:
            _move(entry.lane.bucket.pool, -entry.lane.bucket.slots)

    def _count_deferred(self, entry: Entry) -> None:
        """Count a deferred task's slots or not, as its pool says now."""
        bucket = entry.lane.bucket
        pool = self._limits.capacity.pools.get(bucket.pool.name)
        counted = pool is not None and pool.include_deferred
        if counted != entry.counted:
            _move(bucket.pool, bucket.slots if counted else -bucket.slots)
            entry.counted = counted


def _book(live: LiveRun) -> RunBook:
    return RunBook(live.run.run_pk, live.graph.spec.max_active_tasks)


class _Queues:
    """The buckets and lanes in which ready tasks wait."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._buckets: dict[tuple[str, str | None, int], Bucket] = {}
        self._lanes = 0

    def next_lane(self, *, fair: bool) -> Lane | None:
        """Return the lane that gets the next slot: the best, or if fair the longest waiting."""
        found: tuple[tuple[int, ...], Bucket] | None = None
        for bucket in self._buckets.values():
            if not bucket.by_priority or not bucket.open():
                continue
            place = bucket.longest() if fair else bucket.best()
            if place is not None and (found is None or place < found[0]):
                found = (place, bucket)
        return None if found is None else found[1].lanes[found[0][-1]]

    def hopeless(self) -> Iterator[tuple[Bucket, Blocked]]:
        """Yield the buckets that would have no room if nothing at all were in use."""
        for bucket in self._buckets.values():
            for limiter, slots in ((bucket.pool, bucket.slots), (bucket.executor, 1)):
                if limiter.capacity is not None and slots > limiter.capacity:
                    yield bucket, _blocked(limiter, slots, self._limits.capacity)
                    break

    def lane(self, live: LiveRun, book: RunBook, task: int, served: int) -> Lane:
        """Return the lane of a task of a run, made when it is the first there."""
        spec = live.graph.tasks[task]
        limited = (spec.max_active_tis_per_dag, spec.max_active_tis_per_dagrun) != (None, None)
        where = (spec.pool, spec.executor, spec.pool_slots)
        bucket = self._buckets.get(where)
        if bucket is None:
            pool, executor = self._limits.pool(spec.pool), self._limits.executor(spec.executor)
            bucket = self._buckets[where] = Bucket(pool, executor, spec.pool_slots)
        key = (bucket, task if limited else None)
        lane = book.lanes.get(key)
        if lane is None:
            self._lanes += 1
            limiters = self._limits.of_task(live, book, task)
            lane = book.lanes[key] = Lane(self._lanes, bucket, limiters, served)
            bucket.lanes[lane.number] = lane
        return lane


class _Limits:
    """The limiters that runs share, and the capacity behind them."""

    def __init__(self) -> None:
        self.capacity = Capacity(pools={}, executors={}, parallelism=0, default_executor="")
        self.total = Limiter("parallelism", "", 0)
        self.pools: dict[str, Limiter] = {}
        self._executors: dict[str | None, Limiter] = {}
        self._dags: dict[str, Limiter] = {}
        self._tasks: dict[tuple[str, str], Limiter] = {}

    def set(self, capacity: Capacity) -> None:
        """Take another capacity."""
        self.capacity = capacity
        self.total.capacity = capacity.parallelism
        for name, limiter in self.pools.items():
            limiter.capacity = self._slots(name)
        for executor, limiter in self._executors.items():
            limiter.name = executor or capacity.default_executor
            limiter.capacity = capacity.executors.get(limiter.name, 0)

    def wake(self) -> None:
        """Let everything that waits try again."""
        for limiter in (*self.pools.values(), *self._executors.values()):
            limiter.wake()

    def pool(self, name: str) -> Limiter:
        """Return a pool's limiter; an unknown pool has no slots."""
        found = self.pools.get(name)
        if found is None:
            found = self.pools[name] = Limiter("pool_full", name, self._slots(name))
        return found

    def executor(self, executor: str | None) -> Limiter:
        """Return an executor's limiter (None: the default one); an unknown one has no slots."""
        found = self._executors.get(executor)
        if found is None:
            name = executor or self.capacity.default_executor
            capacity = self.capacity.executors.get(name, 0)
            found = self._executors[executor] = Limiter("executor_full", name, capacity)
        return found

    def dag(self, dag_id: str) -> Limiter:
        """Return the limiter that holds a paused DAG's tasks back."""
        return self._dags.setdefault(dag_id, Limiter("paused", dag_id, None))

    def of_task(self, live: LiveRun, book: RunBook, task: int) -> tuple[Limiter, ...]:
        """Return the limiters of a task beside its pool and executor."""
        spec, dag_id = live.graph.tasks[task], live.run.dag_id
        found = [self.dag(dag_id), book.limiter]
        if spec.max_active_tis_per_dag is not None:
            key = (dag_id, spec.task_id)
            limiter = self._tasks.get(key)
            if limiter is None:
                limiter = self._tasks[key] = Limiter("max_active_tis_per_dag", spec.task_id, None)
            limiter.capacity = spec.max_active_tis_per_dag
            found.append(limiter)
        if spec.max_active_tis_per_dagrun is not None:
            limit = spec.max_active_tis_per_dagrun
            found.append(
                book.per_task.setdefault(
                    task, Limiter("max_active_tis_per_dagrun", spec.task_id, limit)
                )
            )
        return tuple(found)

    def _slots(self, pool: str) -> int | None:
        found = self.capacity.pools.get(pool)
        if found is None:
            return 0
        return found.slots if found.slots >= 0 else None


_CONCERNED = LIVE_STATES | {TaskState.SCHEDULED, TaskState.DEFERRED}


def _move(limiter: Limiter, slots: int) -> None:
    if slots > 0:
        limiter.use(slots)
    else:
        limiter.give_back(-slots)


def _blocked(limiter: Limiter, slots: int, capacity: Capacity) -> Blocked:
    name, used, most = limiter.name, limiter.used, limiter.capacity or 0
    if limiter.code == "pool_full" and name not in capacity.pools:
        return Blocked(
            code="unknown_pool",
            text=f"pool {name!r} does not exist; create it (tradewind pools set {name} SLOTS "
            "DESCRIPTION) or give the task another pool",
        )
    if limiter.code == "pool_full" and slots > most:
        return Blocked(
            code="pool_too_small",
            text=f"the task needs {slots} slots and pool {name!r} has only {most}; "
            "make the pool larger or the task's pool_slots smaller",
        )
    if limiter.code == "executor_full" and name not in capacity.executors:
        known = ", ".join(sorted(capacity.executors)) or "none"
        return Blocked(
            code="unknown_executor",
            text=f"executor {name!r} is not configured here; configured: {known}; add it to "
            "core.executor or give the task another executor",
        )
    needs = f" and the task needs {slots}" if slots > 1 else ""
    texts = {
        "pool_full": f"pool {name!r} has {max(0, most - used)} of {most} slots free{needs}",
        "executor_full": f"{name} has {used} tasks, as many as it takes",
        "parallelism": f"{used} tasks are active, as many as core.parallelism allows",
        "max_active_tasks": f"{used} tasks of the run are active, as many as the DAG's "
        "max_active_tasks allows",
        "max_active_tis_per_dag": f"{used} instances of {name!r} are active in all runs, as many "
        "as its max_active_tis_per_dag allows",
        "max_active_tis_per_dagrun": f"{used} instances of {name!r} are active in this run, as "
        "many as its max_active_tis_per_dagrun allows",
        "paused": f"DAG {name!r} is paused; unpause it to go on",
    }
    return Blocked(code=limiter.code, text=texts[limiter.code])
