"""The courier over a connection that fails as told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from tradewind.executors.celery.app import BrokerError
from tradewind.executors.celery.courier import CAPACITY, Courier, Message
from tradewind.model.ids import AttemptId

PATIENCE_S = 10.0


class PlayedConnection:
    def __init__(self) -> None:
        self.change = threading.Condition()
        self.up = True
        self.break_on: str | None = None
        self.opened = 0
        self.checked = 0
        self.published: list[str] = []
        self.cancelled: list[str] = []

    def open(self) -> None:
        with self.change:
            self.opened += 1
            self.change.notify_all()
            if not self.up:
                raise BrokerError("connection refused")

    def close(self) -> None: ...

    def check(self) -> None:
        with self.change:
            self.checked += 1
            self.change.notify_all()
            if not self.up:
                raise BrokerError("no answer")

    def publish(
        self, task: str, task_id: str, headers: Mapping[str, str], *, queue: str, priority: int
    ) -> None:
        with self.change:
            if task_id == self.break_on:
                self.break_on = None
                raise BrokerError("timed out")
            self.published.append(task_id)
            self.change.notify_all()

    def cancel(self, task_ids: Sequence[str]) -> None:
        with self.change:
            self.cancelled += task_ids
            self.change.notify_all()

    def until_published(self, *names: str) -> None:
        with self.change:
            assert self.change.wait_for(lambda: self.published == list(names), PATIENCE_S)

    def until_opened(self, count: int) -> None:
        with self.change:
            assert self.change.wait_for(lambda: self.opened >= count, PATIENCE_S)


@pytest.fixture
def connection() -> PlayedConnection:
    return PlayedConnection()


@pytest.fixture
def courier(connection: PlayedConnection) -> Iterator[Courier]:
    made = Courier(connection, "redis://here", lambda: None)
    made.start()
    yield made
    made.stop()


def messages(*names: str) -> list[Message]:
    return [Message(attempt_id=AttemptId(n), claim_token="t", queue="q", priority=0) for n in names]


def test_messages_go_in_order(courier: Courier, connection: PlayedConnection) -> None:
    courier.send(messages("a", "b"))
    courier.send(messages("c"))
    connection.until_published("a", "b", "c")


def test_what_cannot_be_sent_goes_when_the_broker_is_back(
    courier: Courier, connection: PlayedConnection
) -> None:
    connection.up = False
    courier.send(messages("a"))
    connection.until_opened(2)
    assert courier.trouble == "connection refused"
    assert courier.waiting() == {"a"}
    connection.up = True
    connection.until_published("a")
    assert courier.trouble is None


def test_a_broker_that_goes_away_is_noticed_without_any_work(
    connection: PlayedConnection,
) -> None:
    woken = threading.Event()
    courier = Courier(connection, "redis://here", woken.set, check_s=0.01)
    courier.start()
    try:
        with connection.change:
            assert connection.change.wait_for(lambda: connection.checked >= 2, PATIENCE_S)
        connection.up = False
        assert woken.wait(PATIENCE_S)
        assert courier.trouble in {"no answer", "connection refused"}
        with connection.change:
            connection.up = True
            back = connection.checked + 2
            assert connection.change.wait_for(lambda: connection.checked >= back, PATIENCE_S)
        told: str | None = courier.trouble
        assert told is None
    finally:
        courier.stop()


def test_a_publish_of_unknown_fate_is_left_to_the_scheduler(
    courier: Courier, connection: PlayedConnection
) -> None:
    connection.break_on = "a"
    courier.send(messages("a", "b"))
    connection.until_published("b")


def test_what_is_cancelled_before_it_was_sent_is_not_sent(
    courier: Courier, connection: PlayedConnection
) -> None:
    connection.up = False
    courier.send(messages("a", "b"))
    connection.until_opened(1)
    courier.cancel([AttemptId("a")])
    connection.up = True
    connection.until_published("b")
    assert connection.cancelled == ["a"]


def test_there_is_room_for_so_many_only(connection: PlayedConnection) -> None:
    courier = Courier(connection, "redis://here", lambda: None)
    names = [str(n) for n in range(CAPACITY + 2)]
    assert [m.attempt_id for m in courier.send(messages(*names))] == names[CAPACITY:]
