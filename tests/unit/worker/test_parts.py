"""Small parts of the worker, each by itself."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

import tradewind
from tradewind import kernel
from tradewind.errors import DagError
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Succeeded
from tradewind.wire import framing
from tradewind.wire.listening import LOOK_S
from tradewind.wire.messages import (
    Assignment,
    Beat,
    Finish,
    GetVariable,
    Hello,
    Reply,
    Request,
    RunInfo,
    ToServer,
    ToWorker,
    TriggerRun,
)
from tradewind.worker import code, ending, numeric
from tradewind.worker.link import Question, SocketLink
from tradewind.worker.timers import Timers

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.at


class Memory(ending.MemoryWatch):
    def __init__(self, *, killed: bool) -> None:
        self._killed = killed

    def killed(self) -> bool:
        return self._killed


def test_timers_run_in_order_when_due() -> None:
    clock, done = FakeClock(), list[str]()
    timers = Timers(clock)
    assert timers.wait_s() is None
    timers.after(2.0, lambda: done.append("b"))
    timers.after(1.0, lambda: done.append("a"))
    timers.after(9.0, lambda: done.append("c"))
    timers.run()
    assert done == []
    assert timers.wait_s() == 1.0
    clock.at = 3.0
    timers.run()
    assert done == ["a", "b"]
    assert timers.wait_s() == 6.0


@pytest.mark.parametrize(
    ("status", "killed", "text"),
    [
        (1 << 8, False, "exit code 1"),
        (0, False, "exit code 0, before the task's code returned"),
        (signal.SIGKILL, False, "killed by SIGKILL (out of memory?)"),
        (signal.SIGKILL, True, "killed by SIGKILL: out of memory"),
        (signal.SIGSEGV, True, "killed by SIGSEGV"),
    ],
)
def test_ends_in_words(status: int, *, killed: bool, text: str) -> None:
    assert ending.reason(status, Memory(killed=killed)) == text


def assignment(dag_file: str) -> Assignment:
    return Assignment(
        attempt_id=AttemptId("a"),
        fence=1,
        try_number=1,
        max_tries=0,
        dag_file=dag_file,
        source_hash="s",
        task_id="t",
        run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
    )


def test_dag_files_stay_in_their_folder() -> None:
    folder = Path("/dags")
    assert code.resolve(assignment("a.zip/b.py"), folder) == ("/dags/a.zip/b.py", "/dags")
    for path in ("../x.py", "/etc/x.py", "a/../../x.py", ""):
        with pytest.raises(DagError, match="not a path inside"):
            code.resolve(assignment(path), folder)
    examples = Path(tradewind.__file__).parent / "example_dags"
    hello = examples / "hello.py"
    assert code.resolve(assignment(str(hello)), folder) == (str(hello), str(examples))
    with pytest.raises(DagError, match="not a path inside"):
        code.resolve(assignment(f"{examples}/../cli/main.py"), folder)


def test_numeric_libraries_are_limited_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with numeric.one_thread():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_children_and_descriptors_are_seen() -> None:
    before = kernel.children()
    known = kernel.descriptors().keys()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert kernel.children() - before == {child.pid}
        assert kernel._children_by_search(os.getpid()) - before == {child.pid}
        assert kernel.has_children()
        assert kernel.descriptors().keys() - known
    finally:
        child.communicate(b"\n")
    assert child.pid not in kernel.children()


class Peer:
    """The scheduler's end of a link."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def accept(self) -> None:
        self.sock, _ = self._listener.accept()
        self._reader = framing.FrameReader()

    def heard(self) -> list[ToServer]:
        return [framing.decode_to_server(f) for f in self._reader.feed(self.sock.recv(1 << 16))]

    def close(self) -> None:
        self.sock.close()
        self._listener.close()


class Linked:
    """A link and what it told."""

    def __init__(self, path: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.received: list[ToWorker] = []
        self.lost = 0
        self.clock = FakeClock()
        self.timers = Timers(self.clock)
        self.link = SocketLink(
            str(path), self.selector, self.timers, self.received.append, self._lost
        )

    def _lost(self) -> None:
        self.lost += 1

    def turn(self) -> None:
        for key, mask in self.selector.select(1.0):
            key.data(mask)


HELLO = Hello(kind="supervisor", peer_id="p", host="h", pid=1)
FINISH = Finish(seq=0, attempt_id=AttemptId("a"), nonce="n", outcome=Succeeded())


def request(call: GetVariable | TriggerRun) -> Request:
    return Request(seq=0, attempt_id=AttemptId("a"), nonce="n", call=call)


def test_a_link_goes_to_who_listens_now_though_the_last_one_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "s"
    there, frozen = Linked(path), Peer(path)
    assert there.link.connect(HELLO)
    there.clock.at += LOOK_S
    there.timers.run()
    assert there.link.connected
    path.unlink()
    there.clock.at += LOOK_S
    there.timers.run()
    assert there.link.connected, "nobody listens yet"
    second = Peer(path)
    there.clock.at += LOOK_S
    there.timers.run()
    assert (there.lost, there.link.connected) == (1, False)
    assert there.link.connect(HELLO)
    second.accept()
    assert isinstance(second.heard()[0], Hello)
    there.link.drop()
    second.close()
    frozen.accept()
    frozen.close()


def test_a_link_repeats_what_is_unanswered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    there = Linked(path)
    assert not there.link.connect(HELLO)
    answers: list[Reply] = []
    there.link.ask(FINISH, answers.append)
    peer = Peer(path)
    assert there.link.connect(HELLO)
    peer.accept()
    first = peer.heard()
    assert isinstance(first[0], Hello)
    assert isinstance(first[1], Finish)
    peer.close()
    path.unlink()
    there.turn()
    assert there.lost == 1
    assert not there.link.connected
    again = Peer(path)
    assert there.link.connect(HELLO)
    again.accept()
    assert again.heard()[1] == first[1]
    again.sock.sendall(framing.encode(Reply(seq=first[1].seq)))
    there.turn()
    assert [a.seq for a in answers] == [first[1].seq]
    there.link.drop()
    again.close()


def test_a_link_repeats_every_question_but_beats(tmp_path: Path) -> None:
    path = tmp_path / "s"
    there, answers = Linked(path), dict[str, Reply]()
    questions: dict[str, Question] = {
        "unnamed": request(TriggerRun(dag_id="d")),
        "named": request(TriggerRun(dag_id="d", run_id="r")),
        "read": request(GetVariable("k")),
        "beat": Beat(seq=0, attempts=()),
    }
    for name, question in questions.items():
        there.link.ask(question, partial(answers.__setitem__, name))
    forgotten = there.link.ask(FINISH, lambda _: None)
    there.link.forget(forgotten)
    peer = Peer(path)
    assert there.link.connect(HELLO)
    peer.accept()
    repeated = [m.call for m in peer.heard() if isinstance(m, Request)]
    assert repeated == [
        TriggerRun(dag_id="d"),
        TriggerRun(dag_id="d", run_id="r"),
        GetVariable("k"),
    ]
    assert answers.keys() == {"beat"}
    assert {a.error for a in answers.values()} == {"unavailable"}
    there.link.drop()
    peer.close()


def test_a_link_that_hears_nonsense_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "s"
    peer, there = Peer(path), Linked(path)
    there.link.connect(HELLO)
    peer.accept()
    peer.sock.sendall(b"\x00\x00\x00\x01\xc1")
    there.turn()
    assert there.lost == 1
    peer.close()
