"""The link to an API server: what is asked is answered once, whatever the server does."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import h11
import pytest

from tradewind.clock import SystemClock
from tradewind.errors import ConfigError
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Succeeded
from tradewind.wire.messages import (
    AppendLog,
    Beat,
    Claim,
    Finish,
    GetVariable,
    Hello,
    Reply,
    Request,
    RunningAttempt,
)
from tradewind.wire.remote import CONTENT_TYPE, PATH, Answers, Batch, decode_batch, encode
from tradewind.worker.http_connection import Address
from tradewind.worker.http_link import HttpLink
from tradewind.worker.link import Question
from tradewind.worker.timers import Timers

A = AttemptId("a" * 32)
HELLO = Hello(kind="supervisor", peer_id="p", host="far", pid=7)
PATIENCE_S = 10.0

Handler = Callable[[Batch], Answers | int | None]


class Server:
    """An API server in the test's own loop. handler: answers, a status, or None to hang up."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)  # noqa: FBT003  the stdlib's signature
        selector.register(self._listener, selectors.EVENT_READ, lambda _: self._accept())
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.batches: list[Batch] = []
        self.handler: Handler = answered
        self.closing = False
        """Every answer is the last of its connection."""
        self.connections = 0
        self._open: list[socket.socket] = []

    def close(self) -> None:
        for sock in [self._listener, *self._open]:
            if sock.fileno() >= 0:
                self._selector.unregister(sock)
                sock.close()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)  # noqa: FBT003
        http = h11.Connection(h11.SERVER)
        self.connections += 1
        self._open.append(sock)
        body = bytearray()
        self._selector.register(sock, selectors.EVENT_READ, lambda _: self._serve(sock, http, body))

    def _hang_up(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _serve(self, sock: socket.socket, http: h11.Connection, body: bytearray) -> None:
        try:
            data = sock.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        if not data:
            self._hang_up(sock)
            return
        http.receive_data(data)
        while (event := http.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Request):
                assert event.target.decode() == PATH
                body.clear()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                batch = decode_batch(bytes(body))
                self.batches.append(batch)
                answer = self.handler(batch)
                if answer is None:
                    self._hang_up(sock)
                    return
                self._answer(sock, http, answer)
                if self.closing:
                    self._hang_up(sock)
                    return
                http.start_next_cycle()
            else:
                return

    def _answer(self, sock: socket.socket, http: h11.Connection, answer: Answers | int) -> None:
        status = answer if isinstance(answer, int) else 200
        content = b"" if isinstance(answer, int) else encode(answer)
        kind = "text/html" if isinstance(answer, int) else CONTENT_TYPE
        head = h11.Response(
            status_code=status,
            headers=[
                ("Content-Type", kind),
                ("Content-Length", str(len(content))),
                *([("Connection", "close")] if self.closing else []),
            ],
        )
        for event in (head, h11.Data(data=content), h11.EndOfMessage()):
            sock.sendall(http.send(event) or b"")


class World:
    """A link and a server in one loop."""

    def __init__(self, tokens: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.timers = Timers(SystemClock())
        self.server = Server(self.selector)
        self.lost = 0
        self.replies: list[Reply] = []
        self.link = HttpLink(
            Address(self.server.url),
            self.selector,
            self.timers,
            lambda _: None,
            self._lost,
            tokens,
        )

    def _lost(self) -> None:
        self.lost += 1

    def connect(self) -> None:
        self.until(lambda: self.link.connect(HELLO))

    def ask(self, question: Question) -> None:
        self.link.ask(question, self.replies.append)

    def until(self, met: Callable[[], object]) -> None:
        clock = SystemClock()
        deadline = clock.monotonic() + PATIENCE_S
        while not met():
            assert clock.monotonic() < deadline, "nothing happened"
            for key, mask in self.selector.select(0.05):
                key.data(mask)
            self.timers.run()

    def answers(self, count: int) -> list[Reply]:
        self.until(lambda: len(self.replies) >= count)
        return self.replies


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "tokens")
    yield world
    world.link.drop()
    world.server.close()
    world.selector.close()


def answered(batch: Batch, **tokens: str) -> Answers:
    return Answers(
        replies=tuple(Reply(seq=message.seq) for message in batch.messages),
        tokens={AttemptId(a): token for a, token in tokens.items()},
    )


def claim(attempt_id: AttemptId = A) -> Claim:
    return Claim(seq=0, attempt_id=attempt_id, nonce="n", claim_token="t", worker="far:7")


def finish(attempt_id: AttemptId = A) -> Finish:
    return Finish(seq=0, attempt_id=attempt_id, nonce="n", outcome=Succeeded())


def messages(world: World) -> list[list[str]]:
    return [[type(m).__name__ for m in b.messages] for b in world.server.batches]


def test_what_is_asked_meanwhile_goes_out_together(world: World) -> None:
    world.connect()
    for number in range(5):
        world.ask(claim(AttemptId(f"{number:032x}")))
    world.answers(5)
    assert messages(world) == [[], ["Claim"], ["Claim"] * 4]
    assert world.server.connections == 1
    assert world.server.batches[-1].worker == "far:7"


def test_what_was_asked_without_a_server_is_sent_when_there_is_one(world: World) -> None:
    world.ask(claim())
    assert not world.link.connected
    world.connect()
    assert [r.error for r in world.answers(1)] == [None]


def test_a_question_whose_answer_was_lost_is_asked_again_under_its_number(world: World) -> None:
    world.connect()
    handler = world.server.handler

    def hang_up(_: Batch) -> None:
        world.server.handler = handler

    world.server.handler = hang_up
    world.ask(finish())
    world.until(lambda: world.lost)
    assert not world.link.connected
    world.connect()
    world.answers(1)
    first, second = world.server.batches[1:]
    assert first.messages == second.messages


def test_a_server_that_hangs_up_after_each_answer_is_spoken_to_all_the_same(world: World) -> None:
    world.server.closing = True

    def taken(reply: Reply) -> None:
        world.replies.append(reply)
        world.ask(finish())

    for number in range(3):
        world.link.ask(claim(AttemptId(f"{number:032x}")), taken)

    def connected() -> bool:
        world.link.connect(HELLO)
        return len(world.replies) >= 6

    world.until(connected)
    assert [r.error for r in world.replies] == [None] * 6


def test_a_beat_that_did_not_arrive_is_not_repeated(world: World) -> None:
    world.connect()
    handler = world.server.handler

    def hang_up(_: Batch) -> None:
        world.server.handler = handler

    world.server.handler = hang_up
    world.ask(Beat(seq=0, attempts=(RunningAttempt(A, "n"),)))
    assert [r.error for r in world.answers(1)] == ["unavailable"]
    world.connect()
    assert messages(world) == [[], ["Beat"], []]


def test_something_between_that_answers_is_no_server(world: World) -> None:
    world.server.handler = lambda batch: 502 if len(world.server.batches) < 3 else answered(batch)
    world.ask(claim())
    world.connect()
    world.answers(1)
    assert messages(world) == [["Claim"]] * 3


def test_each_message_goes_with_the_tokens_of_its_attempts(world: World) -> None:
    other = AttemptId("b" * 32)
    world.connect()
    world.server.handler = lambda batch: answered(batch, **{A: "token-a", other: "token-b"})
    world.ask(claim())
    world.answers(1)
    world.ask(finish())
    world.answers(2)
    assert world.server.batches[-1].tokens == {A: "token-a"}
    world.link.release(A)
    world.ask(finish())
    world.answers(3)
    assert world.server.batches[-1].tokens == {}


def test_an_expired_token_is_renewed_by_a_beat_and_the_question_asked_again(world: World) -> None:
    world.connect()
    world.server.handler = lambda batch: answered(batch, **{A: "old"})
    world.ask(claim())
    world.answers(1)

    def expired(batch: Batch) -> Answers:
        if any(isinstance(m, Beat) for m in batch.messages):
            return answered(batch, **{A: "new"})
        if batch.tokens == {A: "new"}:
            return answered(batch)
        return Answers(replies=tuple(Reply(seq=m.seq, error="expired") for m in batch.messages))

    world.server.handler = expired
    world.ask(finish())
    assert world.answers(2)[-1].error is None
    assert messages(world)[-3:] == [["Finish"], ["Beat"], ["Finish"]]


def test_a_question_of_an_attempt_that_is_over_is_answered_fenced(world: World) -> None:
    world.connect()
    world.server.handler = lambda batch: answered(batch, **{A: "old"})
    world.ask(claim())
    world.answers(1)

    def over(batch: Batch) -> Answers:
        return Answers(
            replies=tuple(
                Reply(seq=m.seq, cancel=(A,))
                if isinstance(m, Beat)
                else Reply(seq=m.seq, error="expired")
                for m in batch.messages
            )
        )

    world.server.handler = over
    world.ask(Request(seq=0, attempt_id=A, nonce="n", call=GetVariable("v")))
    world.ask(AppendLog(seq=0, attempt_id=A, offset=0, lines=b"x\n"))
    assert sorted(str(r.error) for r in world.answers(3)[1:]) == ["fenced", "fenced"]


def test_a_message_that_is_too_large_is_refused_alone(world: World) -> None:
    world.connect()
    huge = AppendLog(seq=0, attempt_id=A, offset=0, lines=b"x" * 2000)
    world.server.handler = lambda batch: (
        413 if huge.lines in map(_lines, batch.messages) else (answered(batch))
    )
    world.ask(claim())
    world.ask(finish())
    world.ask(huge)
    world.ask(claim(AttemptId("b" * 32)))
    assert sorted(str(r.error) for r in world.answers(4)) == ["None", "None", "None", "invalid"]


def _lines(message: object) -> bytes:
    return getattr(message, "lines", b"")


def test_tokens_of_outcomes_that_nobody_took_outlive_the_process(
    world: World, tmp_path: Path
) -> None:
    world.connect()
    world.server.handler = lambda batch: answered(batch, **{A: "token-a"})
    world.ask(claim())
    world.answers(1)
    world.link.drop()
    world.ask(finish())
    world.link.keep()
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o600
    next_life = World(tmp_path / "tokens")
    next_life.connect()
    next_life.ask(finish())
    next_life.answers(1)
    assert next_life.server.batches[-1].tokens == {A: "token-a"}
    next_life.link.drop()
    next_life.server.close()
    next_life.selector.close()


@pytest.mark.parametrize("url", ["", "tradewind:8080", "ftp://tradewind", "http://"])
def test_what_is_not_a_servers_url_is_told_so(url: str) -> None:
    with pytest.raises(ConfigError, match="is not the URL of an API server"):
        Address(url)
