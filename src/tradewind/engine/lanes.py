"""Where ready tasks wait: limiters, lanes and buckets. `admit` chooses among them."""

from __future__ import annotations

from heapq import heapify, heappop, heappush, heapreplace

from tradewind.model.ids import TaskKey, TiKey

_MIN_PLACES = 64
"""Void places are swept out once a heap holds this many and four for each of its lanes."""


class Limiter:
    """How much of one thing is in use.

    capacity: None is no limit. parked: the lanes that wait for it.
    """

    __slots__ = ("capacity", "code", "name", "parked", "used")

    def __init__(self, code: str, name: str, capacity: int | None) -> None:
        self.code = code
        self.name = name
        self.capacity = capacity
        self.used = 0
        self.parked: list[Lane] = []

    def room_for(self, slots: int) -> bool:
        """Tell whether this many more fit."""
        return self.capacity is None or self.used + slots <= self.capacity

    def use(self, slots: int) -> None:
        """Count this many more in use."""
        self.used += slots

    def give_back(self, slots: int) -> None:
        """Count this many fewer in use, and let who waits for them try again."""
        self.used -= slots
        if self.parked:
            self.wake()

    def wake(self) -> None:
        """Let parked lanes be looked at again."""
        parked, self.parked = self.parked, []
        for lane in parked:
            lane.parked = False
            lane.bucket.enter(lane)


class Entry:
    """A task instance that waits for a slot (ready), holds one, or is deferred.

    order: what comes first in its lane; the priority, negated, leads.
    counted: whether a deferred task holds its pool's slots.
    """

    __slots__ = ("counted", "deferred", "key", "lane", "order", "ready")

    def __init__(self, key: TiKey, lane: Lane, order: tuple[int, int, int]) -> None:
        self.key = key
        self.lane = lane
        self.order = order
        self.ready = False
        self.deferred = False
        self.counted = False

    def __lt__(self, other: Entry) -> bool:
        return self.order < other.order


class Lane:
    """Ready tasks of one run that wait for the same things. served: when it last got a slot."""

    __slots__ = ("bucket", "limiters", "number", "parked", "queue", "served")

    def __init__(
        self, number: int, bucket: Bucket, limiters: tuple[Limiter, ...], served: int
    ) -> None:
        self.number = number
        self.bucket = bucket
        self.limiters = limiters
        self.served = served
        self.queue: list[Entry] = []
        self.parked = False

    def first(self) -> Entry | None:
        """Return the best ready task, dropping those that are not ready any more."""
        while self.queue and not self.queue[0].ready:
            heappop(self.queue)
        return self.queue[0] if self.queue else None

    def full(self) -> Limiter | None:
        """Return a limiter of the lane's own that has no room."""
        for limiter in self.limiters:
            if not limiter.room_for(1):
                return limiter
        return None


class Bucket:
    """Lanes that take the same kind of slot.

    The heaps hold places, (priority, served, lane) and (served, lane); a place is void once its
    lane has another priority or was served again, and is dropped when it comes up.
    """

    __slots__ = ("by_priority", "by_wait", "executor", "lanes", "pool", "slots")

    def __init__(self, pool: Limiter, executor: Limiter, slots: int) -> None:
        self.pool = pool
        self.executor = executor
        self.slots = slots
        self.lanes: dict[int, Lane] = {}
        self.by_priority: list[tuple[int, int, int]] = []
        self.by_wait: list[tuple[int, int]] = []

    def open(self) -> bool:
        """Tell whether one more task gets a slot here."""
        return self.executor.room_for(1) and self.pool.room_for(self.slots)

    def enter(self, lane: Lane) -> None:
        """Give a lane its place by priority and by waiting time."""
        first = lane.first()
        if first is None or lane.parked or lane.number not in self.lanes:
            return
        heappush(self.by_priority, (first.order[0], lane.served, lane.number))
        heappush(self.by_wait, (lane.served, lane.number))
        if len(self.by_priority) > _MIN_PLACES + 4 * len(self.lanes):
            self._compact()

    def best(self) -> tuple[int, int, int] | None:
        """Return the place of the lane with the best priority that has room."""
        while self.by_priority:
            priority, served, number = place = self.by_priority[0]
            lane = self.lanes.get(number)
            first = lane.first() if lane is not None else None
            if lane is None or first is None or lane.served != served:
                heappop(self.by_priority)
            elif first.order[0] != priority:
                # Its best task was taken back: the lane stands further behind.
                heapreplace(self.by_priority, (first.order[0], served, number))
            elif self._has_room(lane):
                return place
            else:
                heappop(self.by_priority)
        return None

    def longest(self) -> tuple[int, int] | None:
        """Return the place of the lane that waited longest and has room."""
        while self.by_wait:
            served, number = place = self.by_wait[0]
            lane = self.lanes.get(number)
            if (
                lane is not None
                and lane.first() is not None
                and lane.served == served
                and self._has_room(lane)
            ):
                return place
            heappop(self.by_wait)
        return None

    def _has_room(self, lane: Lane) -> bool:
        if lane.parked:
            return False
        full = lane.full()
        if full is None:
            return True
        lane.parked = True
        full.parked.append(lane)
        return False

    def _compact(self) -> None:
        self.by_priority.clear()
        self.by_wait.clear()
        for lane in self.lanes.values():
            first = lane.first()
            if first is not None and not lane.parked:
                self.by_priority.append((first.order[0], lane.served, lane.number))
                self.by_wait.append((lane.served, lane.number))
        heapify(self.by_priority)
        heapify(self.by_wait)


class RunBook:
    """What admission knows of one run."""

    __slots__ = ("entries", "lanes", "limiter", "per_task")

    def __init__(self, run_pk: int, max_active_tasks: int) -> None:
        self.entries: dict[TaskKey, Entry] = {}
        self.lanes: dict[tuple[Bucket, int | None], Lane] = {}
        self.limiter = Limiter("max_active_tasks", str(run_pk), max_active_tasks)
        self.per_task: dict[int, Limiter] = {}
