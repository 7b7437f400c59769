"""A triggerer that the test plays, on the socket of a real scheduler: late and wrong messages."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import Deployment, deployed
from tradewind.clock import SystemClock
from tradewind.model.ids import AttemptId
from tradewind.wire import framing
from tradewind.wire.messages import (
    Beat,
    CancelAttempt,
    Claim,
    GetVariable,
    Hello,
    Launch,
    Reply,
    Request,
    RunningAttempt,
    ToServer,
    ToWorker,
    TriggerFinish,
    TriggerRun,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

PATIENCE_S = 30.0
DAGS = """
from datetime import UTC, datetime, timedelta
from tradewind.sdk import DAG, EmptyOperator
from tradewind.sdk.sensors.time import DateTimeSensor

with DAG("waits"):
    DateTimeSensor(task_id="wait", target_time=datetime(2199, 1, 1, tzinfo=UTC), deferrable=True)

with DAG("plain"):
    EmptyOperator(task_id="nothing")
"""


class PlayedTriggerer:
    """Connects, says what the test wants, and keeps what it is told."""

    def __init__(self, path: Path) -> None:
        self.heard: list[ToWorker] = []
        self._reader = framing.FrameReader()
        self._seq = 0
        self._clock = SystemClock()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.connect(str(path))
        # "0" comes first among triggerers that have equally few triggers.
        self.say(Hello(kind="triggerer", peer_id="0", host="here", pid=os.getpid()))

    def close(self) -> None:
        self._sock.close()

    def say(self, message: ToServer) -> None:
        self._sock.sendall(framing.encode(message))

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def hear(self, kind: type[ToWorker], seq: int | None = None) -> ToWorker:
        """Wait for a message of a kind (and an answer, by its number)."""
        deadline = self._clock.monotonic() + PATIENCE_S
        while True:
            for message in self.heard:
                if isinstance(message, kind) and seq in {None, getattr(message, "seq", None)}:
                    self.heard.remove(message)
                    return message
            self._read(deadline - self._clock.monotonic(), kind)

    def answer(self, message: Claim | TriggerFinish | Beat | Request) -> Reply:
        self.say(message)
        reply = self.hear(Reply, message.seq)
        assert isinstance(reply, Reply)
        return reply

    def claim(self, launch: Launch, nonce: str = "n") -> Reply:
        return self.answer(
            Claim(
                seq=self.next_seq(),
                attempt_id=launch.attempt_id,
                nonce=nonce,
                claim_token=launch.claim_token,
                worker="here",
            )
        )

    def finish(self, attempt_id: AttemptId, nonce: str = "n") -> Reply:
        return self.answer(
            TriggerFinish(seq=self.next_seq(), attempt_id=attempt_id, nonce=nonce, payload=b'"now"')
        )

    def beat(self, *running: RunningAttempt) -> Reply:
        return self.answer(Beat(seq=self.next_seq(), attempts=running))

    def launched(self) -> Launch:
        launch = self.hear(Launch)
        assert isinstance(launch, Launch)
        return launch

    def _read(self, timeout_s: float, kind: type[ToWorker]) -> None:
        assert timeout_s > 0, f"waited in vain for {kind.__name__}; heard {self.heard}"
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            if selector.select(timeout_s):
                data = self._sock.recv(1 << 16)
                assert data, "the scheduler closed the connection"
                self.heard += [framing.decode_to_worker(f) for f in self._reader.feed(data)]


@pytest.fixture(scope="module")
def system(module_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # Nothing is given up for silence here: the test's triggerer speaks when it wants to.
    patient = {"TRADEWIND__TRIGGERER__LEASE_S": "300"}
    with deployed(
        tmp_path_factory.mktemp("home"), module_url, DAGS, "waits", "plain", **patient
    ) as made:
        yield made


@pytest.fixture
def triggerer(system: Deployment) -> Iterator[PlayedTriggerer]:
    with contextlib.closing(PlayedTriggerer(system.home / "run" / "workers.sock")) as played:
        yield played


def test_an_event_under_the_current_claim_counts_once(
    system: Deployment, triggerer: PlayedTriggerer
) -> None:
    run = system.trigger("waits")
    launch = triggerer.launched()
    assert triggerer.claim(launch).error is None
    assert triggerer.finish(launch.attempt_id, "another").error == "fenced"
    assert triggerer.finish(launch.attempt_id).error is None
    assert triggerer.finish(launch.attempt_id).error == "fenced", "it has gone on"
    assert system.ended(run) == "success"


def test_after_a_clear_the_old_trigger_is_stopped_and_its_event_refused(
    system: Deployment, triggerer: PlayedTriggerer
) -> None:
    run = system.trigger("waits")
    old = triggerer.launched()
    assert triggerer.claim(old).error is None
    system.clear(run, "wait")
    cancel = triggerer.hear(CancelAttempt)
    assert isinstance(cancel, CancelAttempt)
    assert cancel.attempt_id == old.attempt_id
    assert triggerer.finish(old.attempt_id).error == "fenced"
    asks = Request(
        seq=triggerer.next_seq(), attempt_id=old.attempt_id, nonce="n", call=GetVariable("x")
    )
    assert triggerer.answer(asks).error == "fenced", "it may not ask either"
    assert triggerer.beat(RunningAttempt(old.attempt_id, "n")).cancel == (old.attempt_id,)
    new = triggerer.launched()
    assert new.assignment.fence > old.assignment.fence
    system.state(run, "wait", "deferred")
    assert triggerer.claim(new).error is None
    assert triggerer.finish(new.attempt_id).error is None
    assert system.ended(run) == "success"


def test_what_a_beat_names_no_more_is_launched_again(
    system: Deployment, triggerer: PlayedTriggerer
) -> None:
    run = system.trigger("waits")
    launch = triggerer.launched()
    assert triggerer.claim(launch).error is None
    assert triggerer.beat(RunningAttempt(launch.attempt_id, "n")).cancel == ()
    assert triggerer.beat().error is None
    again = triggerer.launched()
    assert again.attempt_id == launch.attempt_id
    assert triggerer.claim(again, "m").error is None
    assert triggerer.finish(again.attempt_id, "n").error == "fenced"
    assert triggerer.finish(again.attempt_id, "m").error is None
    assert system.ended(run) == "success"


def test_a_repeated_request_starts_no_second_run(
    system: Deployment, triggerer: PlayedTriggerer
) -> None:
    run = system.trigger("waits")
    launch = triggerer.launched()
    assert triggerer.claim(launch).error is None
    before = len(system.runs("plain"))
    asks = Request(
        seq=triggerer.next_seq(),
        attempt_id=launch.attempt_id,
        nonce="n",
        call=TriggerRun(dag_id="plain"),
    )
    first, second = triggerer.answer(asks), triggerer.answer(asks)
    assert first.body == second.body
    assert len(system.runs("plain")) == before + 1
    (started,) = [r for r in system.runs("plain") if r.run_id == first.body["run_id"]]
    assert started.triggered_by == "operator"
    assert triggerer.finish(launch.attempt_id).error is None
    assert system.ended(run) == "success"
