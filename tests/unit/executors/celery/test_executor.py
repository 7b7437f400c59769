"""What the executor sends, holds back and says, with a courier and a watch that are played."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest

from tradewind.executors.base import Fact, Gone, Pending
from tradewind.executors.celery.courier import Message
from tradewind.executors.celery.executor import HOLD_BACK_S, LOOK_AFTER_S, CeleryExecutor
from tradewind.executors.celery.watch import Queue
from tradewind.model.ids import AttemptId
from tradewind.testing.clock import FakeClock
from tradewind.wire.messages import Assignment, Launch, RunInfo

NOW = datetime(2026, 1, 2, tzinfo=UTC)
S0_S = 30.0


class PlayedCourier:
    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.kept: list[Message] = []
        self.cancelled: list[AttemptId] = []
        self.trouble: str | None = None
        self.room = 100

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def send(self, messages: Sequence[Message]) -> Sequence[Message]:
        (self.sent if self.trouble is None else self.kept).extend(messages[: self.room])
        return messages[self.room :]

    def cancel(self, attempts: Sequence[AttemptId]) -> None:
        self.cancelled += attempts

    def waiting(self) -> set[AttemptId]:
        return {message.attempt_id for message in self.kept}


class PlayedWatch:
    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.looks: list[set[str]] = []
        self.found: list[Fact] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def look(self, queues: Iterable[str], attempts: Sequence[AttemptId]) -> None:
        self.looks.append(set(queues))

    def seen(self, queue: str) -> Queue | None:
        return self.queues.get(queue)

    def facts(self) -> list[Fact]:
        found, self.found = self.found, []
        return found


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.courier = PlayedCourier()
        self.watch = PlayedWatch()
        self.executor = CeleryExecutor(
            self.courier,
            self.watch,
            self.clock,
            default_queue="default",
            broker_shown="redis://here",
            priority_of=lambda weight: weight,
        )

    def submit(self, *names: str, queue: str | None = None) -> Sequence[object]:
        return self.executor.submit([launch_of(name, queue) for name in names])

    def sent(self) -> list[str]:
        return [message.attempt_id for message in self.courier.sent]

    def queue(self, name: str, *, depth: int, consumers: int) -> None:
        self.watch.queues[name] = Queue(depth=depth, consumers=consumers, at=self.clock.monotonic())

    def check(self, *believed: str) -> list[Fact]:
        return list(self.executor.reconcile({AttemptId(name) for name in believed}))


def launch_of(name: str, queue: str | None = None) -> Launch:
    run = RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW)
    assignment = Assignment(
        attempt_id=AttemptId(name),
        fence=1,
        try_number=1,
        max_tries=0,
        dag_file="d.py",
        source_hash="s",
        task_id="t",
        run=run,
    )
    return Launch(
        attempt_id=AttemptId(name),
        claim_token=f"token of {name}",
        assignment=assignment,
        executor="CeleryExecutor",
        queue=queue,
        priority=3,
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_message_has_the_id_and_the_token_and_its_queue(scene: Scene) -> None:
    scene.submit("a")
    scene.submit("b", queue="gpu")
    assert scene.courier.sent == [
        Message(attempt_id=AttemptId("a"), claim_token="token of a", queue="default", priority=3),
        Message(attempt_id=AttemptId("b"), claim_token="token of b", queue="gpu", priority=3),
    ]


def test_a_copy_is_held_back_while_the_queue_is_long_and_workers_take_from_it(
    scene: Scene,
) -> None:
    scene.submit("a")
    scene.clock.wait(S0_S)
    scene.queue("default", depth=5, consumers=1)
    scene.submit("a")
    assert scene.sent() == ["a"]


def test_a_copy_is_held_back_for_ten_minutes_at_most(scene: Scene) -> None:
    scene.submit("a")
    scene.clock.wait(HOLD_BACK_S)
    scene.queue("default", depth=5, consumers=1)
    scene.submit("a")
    assert scene.sent() == ["a", "a"]


@pytest.mark.parametrize(("depth", "consumers"), [(0, 1), (5, 0), (0, 0)])
def test_a_lost_message_is_sent_again(scene: Scene, depth: int, consumers: int) -> None:
    scene.submit("a")
    scene.clock.wait(S0_S)
    scene.queue("default", depth=depth, consumers=consumers)
    scene.submit("a")
    assert scene.sent() == ["a", "a"]


def test_a_copy_is_sent_when_nobody_looked_at_the_queue(scene: Scene) -> None:
    scene.submit("a")
    scene.submit("a")
    assert scene.sent() == ["a", "a"]


def test_what_waits_for_the_broker_is_not_doubled(scene: Scene) -> None:
    scene.courier.trouble = "refused"
    scene.submit("a")
    scene.submit("a")
    assert [m.attempt_id for m in scene.courier.kept] == ["a"]


def test_the_broker_that_is_away_is_the_reason_for_waiting(scene: Scene) -> None:
    scene.courier.trouble = "connection refused"
    scene.submit("a")
    reason = "the broker redis://here cannot be reached: connection refused"
    assert scene.check("a") == [Pending(attempt_id=AttemptId("a"), reason=reason, in_turn=True)]


def test_a_queue_that_nobody_takes_from_is_the_reason_for_waiting(scene: Scene) -> None:
    scene.submit("a", queue="gpu")
    scene.clock.wait(LOOK_AFTER_S)
    scene.queue("gpu", depth=1, consumers=0)
    (fact,) = scene.check("a")
    assert scene.watch.looks == [{"gpu"}]
    assert "no Celery worker takes tasks from the queue 'gpu'" in fact.reason
    assert "tradewind celery worker --queues gpu" in fact.reason
    assert isinstance(fact, Pending)
    assert not fact.in_turn


def test_busy_workers_are_the_reason_for_waiting(scene: Scene) -> None:
    scene.submit("a")
    scene.clock.wait(LOOK_AFTER_S)
    scene.queue("default", depth=3, consumers=2)
    (fact,) = scene.check("a")
    assert isinstance(fact, Pending)
    assert "busy" in fact.reason
    assert fact.in_turn


def test_a_young_message_and_a_queue_in_order_need_no_look(scene: Scene) -> None:
    scene.submit("a")
    scene.check("a")
    scene.clock.wait(LOOK_AFTER_S)
    scene.queue("default", depth=0, consumers=2)
    scene.check("a")
    scene.check("a")
    assert scene.watch.looks == [set(), {"default"}, set()]


def test_what_is_submitted_again_is_looked_at(scene: Scene) -> None:
    scene.submit("a")
    scene.clock.wait(LOOK_AFTER_S)
    scene.queue("default", depth=0, consumers=2)
    scene.check("a")
    scene.submit("a")
    scene.clock.wait(LOOK_AFTER_S)
    scene.check("a")
    assert scene.watch.looks[-1] == {"default"}


def test_evidence_about_what_is_not_believed_in_is_dropped(scene: Scene) -> None:
    mine = Gone(attempt_id=AttemptId("a"), reason="it was revoked in Celery", before_start=True)
    other = Gone(attempt_id=AttemptId("b"), reason="it was revoked in Celery", before_start=True)
    scene.watch.found = [mine, other]
    assert scene.check("a") == [mine]


def test_too_many_messages_are_refused_for_now(scene: Scene) -> None:
    scene.courier.room = 1
    refused = scene.submit("a", "b")
    assert [r.permanent for r in refused if hasattr(r, "permanent")] == [False]
    scene.courier.room = 100
    scene.submit("b")
    assert scene.sent() == ["a", "b"]


def test_a_broker_that_is_away_is_its_trouble(scene: Scene) -> None:
    assert scene.executor.troubles() == {}
    scene.courier.trouble = "connection refused"
    assert scene.executor.troubles() == {"redis://here": "connection refused"}


def test_a_cancel_reaches_the_workers_and_forgets_the_attempt(scene: Scene) -> None:
    scene.submit("a")
    scene.executor.cancel([AttemptId("a")])
    assert scene.courier.cancelled == ["a"]
    scene.clock.wait(LOOK_AFTER_S)
    scene.queue("default", depth=1, consumers=0)
    assert scene.check("a") == []
