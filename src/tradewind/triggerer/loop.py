"""The triggerer: thousands of deferred tasks' triggers in one asyncio loop.

The scheduler launches a trigger, the triggerer claims it, runs it until its first event, and
reports the event or the failure. Like a task's attempt a trigger is claimed, beaten and fenced;
unlike it, it may be started again somewhere else at any time, so when this process ends its
triggers are simply dropped and the scheduler gives them to another.

Two threads: the loop is the main one (user code), the connection has its own (`link`).
A deferral's time-out is the engine's: it cancels the trigger and resumes the task.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.sdk import runtime
from tradewind.triggerer.blocking import Watchdog
from tradewind.triggerer.calls import TriggerRuntime
from tradewind.triggerer.link import Link
from tradewind.triggerer.resolve import Resolver
from tradewind.triggerer.run import run_trigger
from tradewind.triggerer.running import RunningTrigger
from tradewind.triggerer.settings import TriggererSettings
from tradewind.triggerer.watching import goes_on, run_watcher
from tradewind.wire.messages import (
    CancelAttempt,
    Claim,
    Drain,
    Hello,
    Launch,
    Outage,
    Reply,
    RunningAttempt,
    ToServer,
    ToWorker,
    TriggerFinish,
    WatcherEvent,
)

log = logging.getLogger(__name__)

_THREADS = 32
"""For what triggers do in `asyncio.to_thread`: mostly waiting."""
_TURN_S = 1.0
"""How often the loop shows that it goes round."""


class Triggerer:
    """Run triggers until `stop` is called."""

    def __init__(self, settings: TriggererSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._peer_id = uuid.uuid4().hex
        self._triggers: dict[AttemptId, RunningTrigger] = {}
        self._waiting: dict[AttemptId, Launch] = {}
        self._resolver = Resolver(settings.dags_folder)
        self._watchdog = Watchdog(clock, settings.blocked_s)
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link = Link(
            settings.socket_path,
            clock,
            settings.heartbeat_s,
            hello=self._hello,
            running=self._running,
            receive=self._from_link,
            tick=self._watchdog.look,
        )

    async def run(self) -> None:
        """Run triggers until told to stop, then let go of them."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, "trigger"))
        for signum in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(signum, self.stop)
        self._watchdog.install()
        runtime.install(TriggerRuntime(self._link))
        self._link.start()
        turning = asyncio.create_task(self._turn())
        try:
            await self._stopping.wait()
            await self._let_go()
        finally:
            turning.cancel()
            self._link.close()
        log.info("stopped")

    def stop(self) -> None:
        """Stop soon."""
        self._stopping.set()

    # ---- called in the link's thread ----------------------------------------------------------

    def _hello(self) -> Hello:
        return Hello(
            kind="triggerer",
            peer_id=self._peer_id,
            host=self._settings.host,
            pid=os.getpid(),
            running=self._running(),
        )

    def _running(self) -> tuple[RunningAttempt, ...]:
        # A copy in one step: the loop's thread changes the dict.
        return tuple(RunningAttempt(t.attempt_id, t.nonce) for t in list(self._triggers.values()))

    def _from_link(self, message: ToWorker, about: ToServer | None) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                self._loop.call_soon_threadsafe(self._take, message, about)

    # ---- called in the loop -------------------------------------------------------------------

    async def _turn(self) -> None:
        while True:
            self._watchdog.turned()
            await asyncio.sleep(_TURN_S)

    def _take(self, message: ToWorker, about: ToServer | None) -> None:
        if isinstance(message, Launch):
            self._launch(message)
        elif isinstance(message, CancelAttempt):
            self._cancel(message.attempt_id, message.reason)
        elif isinstance(message, Drain):
            self.stop()
        elif isinstance(message, Outage):
            log.info("the scheduler cannot reach the database; triggers go on meanwhile")
        elif isinstance(about, Claim):
            self._claimed(about, message)
        elif isinstance(about, TriggerFinish):
            self._finished(about, message)
        elif isinstance(about, WatcherEvent):
            if not goes_on(self._triggers.get(about.attempt_id), about, message):
                self._cancel(about.attempt_id, "no longer current")
        else:
            for attempt_id in message.cancel:
                self._cancel(attempt_id, "no longer current")

    def _launch(self, launch: Launch) -> None:
        """Claim a trigger, now or when there is room; again, when it is here already."""
        if self._stopping.is_set():
            return
        trigger = self._triggers.get(launch.attempt_id)
        if trigger is None and len(self._triggers) >= self._settings.capacity:
            self._waiting[launch.attempt_id] = launch
            return
        if trigger is None:
            trigger = RunningTrigger(launch.assignment, launch.claim_token, uuid.uuid4().hex)
            self._triggers[trigger.attempt_id] = trigger
        self._link.send(
            Claim(
                seq=self._link.next_seq(),
                attempt_id=trigger.attempt_id,
                nonce=trigger.nonce,
                claim_token=trigger.claim_token,
                worker=self._settings.host,
                pid=os.getpid(),
            )
        )

    def _claimed(self, claim: Claim, reply: Reply) -> None:
        trigger = self._triggers.get(claim.attempt_id)
        if trigger is None or trigger.nonce != claim.nonce or trigger.claimed:
            return
        if reply.error is not None:
            self._forget(trigger)
            return
        trigger.claimed = True
        trigger.task = asyncio.create_task(self._run(trigger), name=str(trigger))

    def _finished(self, finish: TriggerFinish, reply: Reply) -> None:
        trigger = self._triggers.get(finish.attempt_id)
        if reply.error is not None:
            log.info("the event of %s came too late (%s)", trigger, reply.error)
        if trigger is not None and trigger.nonce == finish.nonce:
            self._forget(trigger)

    def _cancel(self, attempt_id: AttemptId, reason: str) -> None:
        self._waiting.pop(attempt_id, None)
        trigger = self._triggers.get(attempt_id)
        if trigger is None:
            return
        log.debug("%s is stopped: %s", trigger, reason)
        trigger.killed = True
        if trigger.task is not None:
            trigger.task.cancel()
        self._forget(trigger)

    def _forget(self, trigger: RunningTrigger) -> None:
        if self._triggers.get(trigger.attempt_id) is trigger:
            del self._triggers[trigger.attempt_id]
        if self._waiting and len(self._triggers) < self._settings.capacity:
            self._launch(self._waiting.pop(next(iter(self._waiting))))

    async def _let_go(self) -> None:
        """Drop the triggers, let them clean up, and give last events time to be answered."""
        log.info("stopping; %d triggers go to another triggerer", len(self._triggers))
        self._waiting.clear()
        tasks = [t.task for t in self._triggers.values() if t.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_s)
        deadline = self._clock.monotonic() + self._settings.drain_s
        last = TriggerFinish | WatcherEvent
        while any(isinstance(m, last) for m in self._link.unanswered()):
            if self._clock.monotonic() >= deadline:
                break
            await asyncio.sleep(0.02)

    async def _run(self, trigger: RunningTrigger) -> None:
        """Run a trigger and report its event or failure."""
        if trigger.assignment.kind == "watcher":
            result = await run_watcher(
                trigger, self._resolver, self._clock, self._watchdog.turned, self._link
            )
        else:
            result = await run_trigger(trigger, self._resolver, self._clock, self._watchdog.turned)
        self._link.send(
            TriggerFinish(
                seq=self._link.next_seq(),
                attempt_id=trigger.attempt_id,
                nonce=trigger.nonce,
                payload=result.payload,
                error=result.error,
            )
        )
