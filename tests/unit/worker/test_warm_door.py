"""The door of a warm pod, knocked at over real sockets; the supervisor is played by the test."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from tradewind.clock import SystemClock
from tradewind.model.ids import AttemptId
from tradewind.wire import framing, warm
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket, TicketDone, frame
from tradewind.wire.sealed import KEY_BYTES, Sealed
from tradewind.wire.warm import FromPod, Hold, Standing, ToPod, TurnedDown
from tradewind.worker.handover import Supervisor
from tradewind.worker.warm.door import DESERTED, WELL, Door

KEY = b"k" * KEY_BYTES
ONE = Ticket(attempt_id=AttemptId("one"), claim_token="t1")
TWO = Ticket(attempt_id=AttemptId("two"), claim_token="t2")


class Caller:
    """A scheduler that knocks."""

    def __init__(self, address: tuple[str, int], key: bytes = KEY) -> None:
        self._sock = socket.create_connection(address, timeout=10)
        self._sealed = Sealed(key, caller=True)
        self._heard: list[FromPod] = []
        self._sock.sendall(self._sealed.greeting)

    def close(self) -> None:
        self._sock.close()

    def say(self, message: ToPod) -> None:
        while not self._sealed.ready:
            self._receive()
        self._sock.sendall(self._sealed.seal(warm.encode(message)))

    def hear(self) -> FromPod:
        while not self._heard:
            assert self._receive(), "the door was shut"
        return self._heard.pop(0)

    def is_shut_out(self) -> bool:
        try:
            return not self._sock.recv(1)
        except ConnectionResetError:
            return True

    def _receive(self) -> bool:
        data = self._sock.recv(1 << 16)
        self._heard += [warm.decode_from_pod(body) for body in self._sealed.feed(data)]
        return bool(data)


class House:
    """A door in a thread, and the supervisor behind it."""

    def __init__(self, unheld_s: float) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = listener.getsockname()
        ours, self.supervisor = socket.socketpair()
        self.supervisor.settimeout(10)
        read, self._wake = os.pipe()
        self._read = read
        os.set_blocking(read, False)
        self._stop = False
        self.drained = threading.Event()
        self.code: int | None = None
        self._reader = framing.FrameReader()
        self._messages: list[bytes] = []
        self._door = Door(listener, Supervisor(ours), KEY, SystemClock(), unheld_s)
        self._ours = ours
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        self.code = self._door.serve(self._read, lambda: self._stop, self.drained.set)

    def stop(self) -> None:
        self._stop = True
        os.write(self._wake, b"s")

    def end(self) -> None:
        self.stop()
        self.supervisor.close()
        self.thread.join(10)
        self._ours.close()
        os.close(self._wake)
        os.close(self._read)

    def handed_on(self) -> Ticket | CancelAttempt:
        while not self._messages:
            self._messages += self._reader.feed(self.supervisor.recv(1 << 16))
        decoder = msgspec.msgpack.Decoder(Ticket | CancelAttempt)
        message: Ticket | CancelAttempt = decoder.decode(self._messages.pop(0))
        return message

    def done(self, ticket: Ticket) -> None:
        self.supervisor.sendall(frame(TicketDone(attempt_id=ticket.attempt_id, how="well")))


@pytest.fixture
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    house = House(getattr(request, "param", 60.0))
    yield house
    house.end()


def _standing(caller: Caller) -> Standing:
    message = caller.hear()
    assert isinstance(message, Standing)
    return message


def test_one_attempt_at_a_time_is_handed_on_and_everybody_hears(house: House) -> None:
    caller, other = Caller(house.address), Caller(house.address)
    for each in (caller, other):
        each.say(Hold())
        assert _standing(each).running is None
    caller.say(ONE)
    assert house.handed_on() == ONE
    assert (_standing(caller).running, _standing(other).running) == ("one", "one")
    other.say(TWO)
    assert other.hear() == TurnedDown(attempt_id=TWO.attempt_id, why="the pod is busy")
    other.say(ONE)  # the same ticket is no news
    house.done(ONE)
    for each in (caller, other):
        assert each.hear() == TicketDone(attempt_id=ONE.attempt_id, how="well")
    other.say(TWO)
    assert house.handed_on() == TWO
    standing = _standing(other)
    assert (standing.running, standing.served) == ("two", 2)
    other.say(CancelAttempt(attempt_id=ONE.attempt_id, reason="too late"))
    other.say(CancelAttempt(attempt_id=TWO.attempt_id, reason="enough"))
    assert house.handed_on() == CancelAttempt(attempt_id=TWO.attempt_id, reason="enough")
    caller.close()
    other.close()


def test_whoever_takes_over_is_told_what_runs(house: House) -> None:
    first = Caller(house.address)
    first.say(Hold())
    first.say(ONE)
    house.handed_on()
    first.close()
    second = Caller(house.address)
    second.say(Hold())
    assert _standing(second).running == "one"
    second.close()


def test_who_has_another_key_is_shut_out(house: House) -> None:
    stranger = Caller(house.address, b"x" * KEY_BYTES)
    stranger.say(ONE)
    assert stranger.is_shut_out()
    stranger.close()
    caller = Caller(house.address)
    caller.say(Hold())
    assert _standing(caller).served == 0
    caller.close()


def test_told_to_stop_it_takes_nothing_more_and_lets_the_attempt_end(house: House) -> None:
    caller = Caller(house.address)
    caller.say(Hold())
    _standing(caller)
    caller.say(ONE)
    house.handed_on()
    _standing(caller)
    house.stop()
    assert _standing(caller).ending
    assert house.drained.wait(10)
    caller.say(TWO)
    assert caller.hear() == TurnedDown(attempt_id=TWO.attempt_id, why="the pod is ending")
    house.done(ONE)
    assert isinstance(caller.hear(), TicketDone)
    house.supervisor.close()
    house.thread.join(10)
    assert house.code == WELL
    caller.close()


def test_without_its_supervisor_it_ends_and_says_that_it_did_not_end_well(house: House) -> None:
    house.supervisor.close()
    house.thread.join(10)
    assert house.code == DESERTED


@pytest.mark.parametrize("house", [0.3], indirect=True)
def test_a_pod_that_nobody_holds_ends_by_itself_but_not_while_it_runs_something(
    house: House,
) -> None:
    caller = Caller(house.address)
    caller.say(Hold())
    _standing(caller)
    caller.say(ONE)
    house.handed_on()
    caller.close()
    assert not house.drained.wait(1.0)
    house.done(ONE)
    assert house.drained.wait(10)
