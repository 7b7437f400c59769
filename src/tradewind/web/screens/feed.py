"""Changes as they come to be, handed to everybody who listens.

While somebody listens, one reader looks for new events and hands them to all listeners; with
nobody there, nothing is read. It looks when somebody has committed (`store.commits`), and now and
then all the same, for what it hears are hints.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import anyio.to_thread
from sqlalchemy import select

from tradewind.errors import TradewindError
from tradewind.store import tables
from tradewind.store.commits import ASK_S, Commits
from tradewind.store.connect import Database
from tradewind.store.read.history import MAX_EVENTS, EventRow, events_after, newest

LOOK_S = 0.2
"""Looks are so far apart, however much is committed; where nothing can be heard, always."""
_LOST_S = 5.0
"""A hint may get lost: after so long it is looked all the same."""
_ASKED_S = 1.0
"""After so long the leader has taken what it was asked."""
_BACKLOG = 256
_MOST_KNOWN = 10_000

Message = tuple[int, list[EventRow]]


class Feed:
    """Reads new events while somebody listens."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listeners: set[asyncio.Queue[Message | None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._runs: dict[int, tuple[str, str]] = {}

    async def listen(self) -> asyncio.Queue[Message | None]:
        """Return a queue of what changes from now on; None in it says that some was lost."""
        queue: asyncio.Queue[Message | None] = asyncio.Queue(_BACKLOG)
        seen = await self.newest()
        self._listeners.add(queue)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(seen))
        return queue

    def leave(self, queue: asyncio.Queue[Message | None]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)
        if not self._listeners and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def name(self, run_pk: int) -> tuple[str, str] | None:
        """Return the DAG and the id of a run."""
        if run_pk not in self._runs:
            found = await anyio.to_thread.run_sync(partial(_name, self._db, run_pk))
            if found is None:
                return None
            if len(self._runs) >= _MOST_KNOWN:
                self._runs.clear()
            self._runs[run_pk] = found
        return self._runs[run_pk]

    async def after(self, seq: int) -> Message | None:
        """Return what happened after an event; None when it is more than one look takes."""
        events = await anyio.to_thread.run_sync(partial(events_after, self._db, seq))
        if len(events) >= MAX_EVENTS:
            return None
        return (events[-1].seq if events else seq), events

    async def newest(self) -> int:
        """Return the number of the newest event."""
        return await anyio.to_thread.run_sync(partial(newest, self._db))

    async def _read(self, seen: int) -> None:
        commits = await anyio.to_thread.run_sync(Commits, self._db)
        try:
            hints = _Hints(commits)
            while True:
                if commits.audible:
                    commits.drain()
                hints.heard.clear()
                seen = await self._look(seen)
                await asyncio.sleep(LOOK_S)
                # The kernel tells of the write to the log; the commit shows a moment later, when
                # the log is on the disk. Who looks at once may be too early.
                seen = await self._look(seen)
                if commits.audible:
                    await hints.wait()
                else:
                    await anyio.to_thread.run_sync(commits.recover)
                    hints.ask_soon()
        finally:
            commits.close()

    async def _look(self, seen: int) -> int:
        """Tell what happened after an event; return the number of the newest."""
        try:
            at = await self.newest()
            if at == seen:
                return seen
            # A number that shrank: the database went back in time.
            message = await self.after(seen) if at > seen else None
        except TradewindError:
            # The database is away; what was missed is made good when it is back.
            return seen
        self._tell(message)
        return message[0] if message else at

    def _tell(self, message: Message | None) -> None:
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(message)


class _Hints:
    """Waits for hints of commits, and asks for them where they take asking."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._ask_at = 0.0
        self.heard = asyncio.Event()

    def ask_soon(self) -> None:
        """Ask again at the next waiting: the leader may be another one."""
        self._ask_at = 0.0

    async def wait(self) -> None:
        """Return after a hint, or when it is time to look without one."""
        commits, loop = self._commits, asyncio.get_running_loop()
        wait_s = _LOST_S
        if commits.takes_asking and loop.time() >= self._ask_at:
            self._ask_at = loop.time() + ASK_S
            await anyio.to_thread.run_sync(commits.ask)
            # What was committed before the leader heard it was not announced.
            wait_s = _ASKED_S
        descriptor = commits.fileno()
        loop.add_reader(descriptor, self.heard.set)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.heard.wait(), wait_s)
        finally:
            loop.remove_reader(descriptor)


def _name(db: Database, run_pk: int) -> tuple[str, str] | None:
    run = tables.dag_run
    with db.read() as conn:
        row = conn.execute(select(run.c.dag_id, run.c.run_id).where(run.c.run_pk == run_pk)).first()
    return (row.dag_id, row.run_id) if row else None
