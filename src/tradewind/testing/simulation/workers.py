"""What runs attempts: a host's supervisor, a triggerer, and far processes of their own.

Each starts user code only after its claim was answered, beats while it runs, repeats what is
not answered, and stops what it is told to stop, or what it could not beat for too long. The
witness, which no scheduler can see, notes every start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Self

from msgspec.structs import replace

from tradewind.engine.graph import Graph
from tradewind.executors.base import Fact, Gone, Pending, Refused
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Deferred, Outcome, Rescheduled, Succeeded, Vanished
from tradewind.model.run import TaskInstance
from tradewind.model.state import TaskState
from tradewind.testing.simulation.ledger import require
from tradewind.testing.simulation.network import Network, Peer
from tradewind.testing.simulation.outcomes import report
from tradewind.wire.messages import (
    Assignment,
    Beat,
    CallbackDone,
    CancelAttempt,
    Claim,
    Finish,
    Hello,
    Launch,
    Reply,
    RunningAttempt,
    ToServer,
    ToWorker,
    TriggerFinish,
    XComValue,
)

BEAT_S = 5.0
LEASE_S = 60.0
GRACE_S = 10.0
_NULL = b"null"

Question = Claim | Finish | CallbackDone | TriggerFinish


class Witness:
    """What really ran, seen from outside of the product."""

    def __init__(self, net: Network, graphs: Mapping[str, Graph]) -> None:
        self.net = net
        self.graphs = graphs
        self.luck = net.streams("luck").choice([0.5, 0.75, 0.95])
        self.starts: dict[AttemptId, int] = {}
        self.running: dict[AttemptId, tuple[str, str, int]] = {}
        self.claimed: Callable[[AttemptId, str], bool] = lambda _attempt, _nonce: True
        self.called_back: dict[int, int] = {}
        self.alive: Counter[AttemptId] = Counter()
        self.seen: set[AttemptId] = set()
        self.rescheduled: set[AttemptId] = set()

    def start(self, assignment: Assignment, nonce: str) -> None:
        """Note that user code starts."""
        attempt_id = assignment.attempt_id
        self.starts[attempt_id] = self.starts.get(attempt_id, 0) + 1
        require(self.starts[attempt_id] == 1, f"3: user code of {attempt_id} started twice")
        require(self.claimed(attempt_id, nonce), f"4: {attempt_id} started without its claim")
        task = (assignment.run.run_id, assignment.task_id, assignment.map_index)
        for other, theirs in self.running.items():
            both = f"{other} and {attempt_id} of {task}"
            require(theirs != task, f"G4: {both} run at the same time")
        self.running[attempt_id] = task

    def stop(self, attempt_id: AttemptId) -> None:
        """Note that user code is over, whatever ended it."""
        self.running.pop(attempt_id, None)

    def outcome(self, assignment: Assignment) -> tuple[Outcome, int | None, bool]:
        """Return what the attempt comes to: outcome, length of its value, whether it has one."""
        ti = TaskInstance(
            run_pk=1,
            task_id=assignment.task_id,
            map_index=assignment.map_index,
            state=TaskState.RUNNING,
            attempt_id=assignment.attempt_id,
        )
        rng, now = self.net.streams("outcomes"), self.net.agenda.clock.now()
        told = report(rng, self.graphs[assignment.run.dag_id], ti, now, luck=self.luck)
        outcome = told.outcome
        if isinstance(outcome, Deferred):
            outcome = replace(outcome, kwargs=_NULL, next_kwargs=_NULL)
        if isinstance(outcome, Vanished):
            # User code has begun by now, whatever the draw says.
            outcome = replace(outcome, before_start=False)
        if isinstance(outcome, Rescheduled):
            self.rescheduled.add(assignment.attempt_id)
        return outcome, told.mapped_length, told.returned


class Job:
    """An attempt, a callback or a trigger in somebody's hands."""

    def __init__(self, assignment: Assignment, token: str, nonce: str) -> None:
        self.assignment = assignment
        self.token = token
        self.nonce = nonce
        self.started = False
        self.over = False


class Runner:
    """What all kinds of worker have in common: jobs, and questions that want an answer."""

    def __init__(self, net: Network, witness: Witness, name: str) -> None:
        self.net = net
        self.witness = witness
        self.name = name
        self.dead = False
        self.jobs: dict[AttemptId, Job] = {}
        self.asked: dict[int, tuple[Question, Job]] = {}
        self.heard_s = net.agenda.clock.elapsed_s
        self._seq = 0
        self._say: Callable[[ToServer], None] = lambda _body: None
        net.agenda.after(BEAT_S, self._beat)

    def connect_by(self, say: Callable[[ToServer], None]) -> None:
        """Speak in this way."""
        self._say = say

    def receive(self, message: ToWorker) -> None:
        """Take a message of a scheduler in."""
        if self.dead:
            return
        if isinstance(message, Launch):
            known = self.jobs.get(message.attempt_id)
            if known is None:
                self._take(message)
            elif known.assignment.kind == "trigger":
                self._seq += 1
                self._say(replace(self._claim_of(known), seq=self._seq))
        elif isinstance(message, CancelAttempt):
            self._kill(message.attempt_id)
        elif isinstance(message, Reply):
            self._answered(message)

    def repeat(self) -> None:
        """Ask everything again that was not answered."""
        for question, _ in list(self.asked.values()):
            self._say(question)

    def running(self) -> tuple[RunningAttempt, ...]:
        """Return what is in hand, as beats and hellos name it."""
        return tuple(
            RunningAttempt(j.assignment.attempt_id, j.nonce)
            for j in self.jobs.values()
            if not j.over or j.assignment.kind == "trigger"  # a triggerer names what it reports
        )

    def die(self) -> None:
        """Die with everything in hand."""
        self.dead = True
        for attempt_id in self.jobs:
            self.witness.stop(attempt_id)
            self.witness.alive[attempt_id] -= 1
        self.jobs.clear()
        self.asked.clear()

    def _take(self, launch: Launch) -> None:
        nonce = self.net.new_id()
        job = self.jobs[launch.attempt_id] = Job(launch.assignment, launch.claim_token, nonce)
        self.witness.alive[launch.attempt_id] += 1
        self.witness.seen.add(launch.attempt_id)
        if launch.assignment.kind == "trigger":
            # A trigger is started at once; its claim is a formality.
            job.started = True
        self._ask(job, self._claim_of(job))

    def _claim_of(self, job: Job) -> Claim:
        return Claim(
            seq=0,
            attempt_id=job.assignment.attempt_id,
            nonce=job.nonce,
            claim_token=job.token,
            worker=self.name,
        )

    def _ask(self, job: Job, question: Question) -> None:
        self._seq += 1
        numbered = replace(question, seq=self._seq)
        self.asked[self._seq] = (numbered, job)
        self._say(numbered)

    def _answered(self, reply: Reply) -> None:
        self.heard_s = self.net.agenda.clock.elapsed_s
        for attempt_id in reply.cancel:
            self._kill(attempt_id)
        question, job = self.asked.pop(reply.seq, (None, None))
        if question is None or job is None:
            return
        if reply.error is not None:
            self.net.faults.counts[f"{type(question).__name__} {reply.error}"] += 1
        if reply.error == "unavailable":
            self.net.agenda.after(1.0, lambda: self._ask(job, question))
        elif not isinstance(question, Claim) or reply.error is not None:
            self._forget(job)
        elif not job.over:
            self._start(job)

    def _start(self, job: Job) -> None:
        if job.assignment.kind == "task":
            self.witness.start(job.assignment, job.nonce)
        job.started = True
        last_s = self.net.streams("durations").choice([0.0, 0.2, 3.0, 40.0])
        self.net.agenda.after(last_s, lambda: self.finish(job))

    def finish(self, job: Job) -> None:
        """Come to the end of what a job does, and say so."""
        if self.dead or job.over:
            return
        job.over = True
        attempt_id = job.assignment.attempt_id
        self.witness.stop(attempt_id)
        if job.assignment.kind == "callback" and job.assignment.callback is not None:
            callback_id = job.assignment.callback.callback_id
            seen = self.witness.called_back
            seen[callback_id] = seen.get(callback_id, 0) + 1
            done = CallbackDone(
                seq=0, attempt_id=attempt_id, nonce=job.nonce, callback_id=callback_id
            )
            self._ask(job, done)
        elif job.assignment.kind in {"trigger", "watcher"}:
            fails = self.net.streams("triggers").random() < 0.2
            error = "boom" if fails else None
            payload = None if fails else _NULL
            self._ask(
                job,
                TriggerFinish(
                    seq=0, attempt_id=attempt_id, nonce=job.nonce, payload=payload, error=error
                ),
            )
        else:
            outcome, length, returned = self.witness.outcome(job.assignment)
            good = isinstance(outcome, Succeeded)
            xcoms = (XComValue(key="return_value", value=b"1"),) if good else ()
            self._ask(
                job,
                Finish(
                    seq=0,
                    attempt_id=attempt_id,
                    nonce=job.nonce,
                    outcome=outcome,
                    xcoms=xcoms,
                    mapped_length=length,
                    returned=returned,
                ),
            )

    def _kill(self, attempt_id: AttemptId) -> None:
        """Stop an attempt and say so, as a supervisor does when a child is reaped."""
        job = self.jobs.get(attempt_id)
        if job is None or job.over:
            return
        job.over = True
        self.witness.stop(attempt_id)
        if job.assignment.kind == "task":
            died = Vanished(reason="stopped", before_start=not job.started, exit_signal=15)
            self._ask(job, Finish(seq=0, attempt_id=attempt_id, nonce=job.nonce, outcome=died))
        else:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        attempt_id = job.assignment.attempt_id
        job.over = True
        self.witness.stop(attempt_id)
        if self.jobs.get(attempt_id) is job:
            del self.jobs[attempt_id]
            self.witness.alive[attempt_id] -= 1
        for seq in [s for s, (_, asked) in self.asked.items() if asked is job]:
            del self.asked[seq]

    def _beat(self) -> None:
        if self.dead:
            return
        self.net.agenda.after(BEAT_S, self._beat)
        running = self.running()
        if running or self.name.startswith("triggerer"):
            if self.net.agenda.clock.elapsed_s - self.heard_s > LEASE_S - GRACE_S:
                self.net.faults.counts["self-fenced"] += 1
                for one in running:
                    self._kill(one.attempt_id)
                return
            self._seq += 1
            self._say(Beat(seq=self._seq, attempts=running))
        else:
            self.heard_s = self.net.agenda.clock.elapsed_s


class Host(Peer):
    """A host with a supervisor, or a triggerer: a runner on a stream connection."""

    def __init__(self, net: Network, witness: Witness, kind: str) -> None:
        super().__init__(net)
        self.kind = kind
        self.witness = witness
        self._born(f"{kind}-0")
        self._number = 0

    def leave(self) -> None:
        """Die for good."""
        self.runner.die()
        self.alive = False
        if self.connection is not None:
            self.connection.cut(self.net)

    def crash(self) -> None:
        """Die; another incarnation comes up a little later."""
        self.leave()
        self._number += 1

        def rise() -> None:
            self._born(f"{self.kind}-{self._number}")
            self.connect()

        self.net.agenda.after(2.0, rise)

    def hello(self) -> Hello:
        """Say who this is and what it has in hand."""
        return Hello(
            kind=self.kind,
            peer_id=self.runner.name,
            host="sim",
            pid=1,
            running=self.runner.running(),
        )

    def repeat(self) -> None:
        """Ask again what was not answered."""
        self.runner.heard_s = self.net.agenda.clock.elapsed_s
        self.runner.repeat()

    def receive(self, message: ToWorker) -> None:
        """Hand a message over."""
        self.runner.receive(message)

    def _born(self, name: str) -> None:
        self.alive = True
        self.runner = Runner(self.net, self.witness, name)
        self.runner.connect_by(self.say)


class FarExecutor:
    """An executor whose launches travel: lost, doubled and late, each to a process of its own.

    One scheduler's side of it: the processes are the world's and outlive it.
    """

    def __init__(self, net: Network, witness: Witness) -> None:
        self._net = net
        self._witness = witness
        self._facts: list[Fact] = []

    def __enter__(self) -> Self:
        """Start: nothing to do."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop: what runs goes on."""

    def submit(self, launches: Sequence[Launch]) -> Sequence[Refused]:
        """Send launches on their way; now and then one is refused, or waits for a node."""
        refused: list[Refused] = []
        for launch in launches:
            draw = self._net.streams("far executor").random()
            if draw < 0.1:
                self._net.faults.counts["refused"] += 1
                permanent = draw < 0.02
                refused.append(Refused(launch.attempt_id, "no quota", permanent=permanent))
                continue
            if draw < 0.3:
                self._facts.append(Pending(attempt_id=launch.attempt_id, reason="no free node"))
            self._net.carry_far(lambda launch=launch: self._arrive(launch))  # type: ignore[misc]
        return refused

    def reconcile(self, believed: AbstractSet[AttemptId] | None) -> Sequence[Fact]:
        """Return what is known to have ended."""
        facts, self._facts = self._facts, []
        for attempt_id in sorted(believed or ()):
            if attempt_id in self._witness.seen and self._witness.alive[attempt_id] <= 0:
                never = attempt_id not in self._witness.starts
                facts.append(Gone(attempt_id=attempt_id, reason="gone", before_start=never))
        return facts

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        """Tell the processes of these attempts to stop."""
        for name, deliver in list(self._net.far.items()):
            for attempt_id in attempts:
                if name.startswith(f"far-{attempt_id}-"):
                    stop = CancelAttempt(attempt_id=attempt_id, reason="cancelled")
                    self._net.carry_far(lambda d=deliver, s=stop: d(s))  # type: ignore[misc]

    def troubles(self) -> dict[str, str]:
        """Have none."""
        return {}

    def _arrive(self, launch: Launch) -> None:
        name = f"far-{launch.attempt_id}-{self._net.new_id()}"
        runner = Runner(self._net, self._witness, name)
        self._net.far[name] = runner.receive
        runner.connect_by(lambda body: self._net.say_far(name, body))
        runner.receive(launch)
        self._repeat(runner)

    def _repeat(self, runner: Runner) -> None:
        def again() -> None:
            if not runner.dead and runner.jobs:
                runner.repeat()
                self._net.agenda.after(4.0, again)

        self._net.agenda.after(4.0, again)
