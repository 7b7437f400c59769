"""What remote workers may say to an API server, and what they are answered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.conformance.store_world import NOW, Leader, attempt_of, end_of
from tests.unit.actions.catalog import bell
from tests.unit.web.world import World
from tradewind.actions.user_calls import UserCalls
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Succeeded, Vanished
from tradewind.model.run import TaskInstance
from tradewind.model.state import AttemptState
from tradewind.store import attempts, callbacks, inbox, xcoms
from tradewind.store.connect import Database
from tradewind.store.secrets import new_key, open_secrets
from tradewind.store.turn import CallbackWrite
from tradewind.web.auth.signing import SigningKey
from tradewind.web.workers.answering import Answering
from tradewind.web.workers.attempt_tokens import LIFETIME_S, AttemptTokens
from tradewind.web.workers.log_intake import LogIntake
from tradewind.wire.messages import (
    AppendLog,
    AssetEventOut,
    Assignment,
    Beat,
    CallbackDone,
    Claim,
    Finish,
    GetObjects,
    GetVariable,
    GetXComs,
    Request,
    RunInfo,
    RunningAttempt,
    SetVariable,
    SetXCom,
    XComValue,
)
from tradewind.wire.remote import (
    PATH,
    Answers,
    Batch,
    Message,
    decode_answers,
    decode_assignment,
    encode,
)


class Worker:
    """A remote worker host: what it says, and the tokens that it was given."""

    def __init__(self, world: World) -> None:
        self._client = world.anybody()
        self.tokens: dict[AttemptId, str] = {}
        self.status = 0

    def say(self, *messages: Message) -> Answers:
        batch = Batch(worker="far:1", messages=messages, tokens=self.tokens)
        answer = self._client.send("POST", PATH, encode(batch))
        self.status = answer.status
        answers = decode_answers(answer.body)
        self.tokens |= answers.tokens
        return answers

    def error(self, message: Message) -> str | None:
        return self.say(message).replies[0].error


@pytest.fixture
def leader(world: World) -> Leader:
    return Leader(world.db)


@pytest.fixture
def worker(world: World) -> Worker:
    return Worker(world)


def assignment_of(ti: TaskInstance) -> Assignment:
    return Assignment(
        attempt_id=id_of(ti),
        fence=ti.fence,
        try_number=ti.try_number,
        max_tries=0,
        dag_file="d.py",
        source_hash="s",
        task_id=ti.task_id,
        run=RunInfo(dag_id="d", run_id="r1", run_type="manual", run_after=NOW),
    )


@pytest.fixture
def queued(leader: Leader) -> TaskInstance:
    ti, changes = leader.to_queued(leader.create(leader.start_run()))
    stored = {id_of(ti): encode(assignment_of(ti))}
    leader.apply(changes=changes, attempts=[attempt_of(ti)], assignments=stored)
    return ti


def id_of(ti: TaskInstance) -> AttemptId:
    assert ti.attempt_id is not None
    return ti.attempt_id


def claim(ti: TaskInstance, nonce: str = "n", token: str = "token", seq: int = 1) -> Claim:
    return Claim(seq=seq, attempt_id=id_of(ti), nonce=nonce, claim_token=token, worker="far:1")


def beat(ti: TaskInstance, nonce: str = "n", seq: int = 1) -> Beat:
    return Beat(seq=seq, attempts=(RunningAttempt(id_of(ti), nonce),))


def finish(ti: TaskInstance, seq: int = 1, **fields: object) -> Finish:
    base: dict[str, object] = {"attempt_id": id_of(ti), "nonce": "n", "outcome": Succeeded()}
    return msgspec.convert({"seq": seq, **base, **fields}, Finish, from_attributes=True)


def call(ti: TaskInstance, wanted: object, nonce: str = "n") -> Request:
    return Request(seq=1, attempt_id=id_of(ti), nonce=nonce, call=wanted)  # type: ignore[arg-type]


def state(db: Database, ti: TaskInstance) -> AttemptState:
    found = attempts.get(db, id_of(ti))
    assert found is not None
    return found.state


# ---- claiming -------------------------------------------------------------------------------


def test_a_claim_is_answered_with_the_assignment_and_a_token(
    worker: Worker, queued: TaskInstance, world: World
) -> None:
    (reply,) = worker.say(claim(queued)).replies
    assert worker.status == 200
    assert decode_assignment(reply.body["assignment"]) == assignment_of(queued)
    assert set(worker.tokens) == {id_of(queued)}
    assert state(world.db, queued) is AttemptState.RUNNING
    # The answer may have been lost.
    (again,) = worker.say(claim(queued)).replies
    assert again.body == reply.body


@pytest.mark.parametrize(("nonce", "token"), [("other", "token"), ("n", "guessed")])
def test_only_one_worker_gets_an_attempt(
    worker: Worker, queued: TaskInstance, nonce: str, token: str
) -> None:
    worker.say(claim(queued))
    worker.tokens.clear()
    assert worker.error(claim(queued, nonce, token)) == "fenced"
    assert worker.status == 409
    assert not worker.tokens


def test_an_attempt_of_a_local_executor_is_not_given_away(worker: Worker, leader: Leader) -> None:
    queued = leader.queue(leader.create(leader.start_run()))
    assert worker.error(claim(queued)) == "invalid"
    assert not worker.tokens


def test_an_unknown_attempt_is_404(worker: Worker) -> None:
    message = Claim(seq=1, attempt_id=AttemptId("0" * 32), nonce="n", claim_token="t", worker="w")
    assert worker.error(message) == "not_found"
    assert worker.status == 404


# ---- tokens ---------------------------------------------------------------------------------


def test_nothing_is_taken_without_the_attempts_own_token(
    worker: Worker, leader: Leader, queued: TaskInstance, world: World
) -> None:
    worker.say(claim(queued))
    stolen = worker.tokens.pop(id_of(queued))
    for message in (
        finish(queued),
        call(queued, SetXCom(key="k", value=b"1")),
        call(queued, GetVariable("v")),
        AppendLog(seq=1, attempt_id=id_of(queued), offset=0, lines=b"{}\n"),
        GetObjects(seq=1, names=("x",)),
    ):
        assert worker.error(message) == "expired"
        assert worker.status == 401
    worker.tokens[id_of(queued)] = stolen + "x"
    assert worker.error(finish(queued)) == "expired"
    other = AttemptId("f" * 32)
    worker.tokens = {other: stolen}
    message = msgspec.structs.replace(finish(queued), attempt_id=other)
    assert worker.error(message) == "expired"
    assert state(world.db, queued) is AttemptState.RUNNING


def test_a_beat_renews_a_token_and_an_expired_one_opens_nothing_else(
    worker: Worker, queued: TaskInstance, world: World
) -> None:
    worker.say(claim(queued))
    first = dict(worker.tokens)
    worker.say(beat(queued))
    assert worker.tokens == first, "it is good for a while yet"
    world.clock.at += timedelta(seconds=LIFETIME_S + 60)
    assert worker.error(finish(queued)) == "expired"
    (reply,) = worker.say(beat(queued)).replies
    assert reply.cancel == ()
    assert worker.tokens != first
    assert worker.error(finish(queued)) is None


def test_an_expired_token_of_an_attempt_that_is_over_is_not_renewed(
    worker: Worker, queued: TaskInstance, leader: Leader, world: World
) -> None:
    worker.say(claim(queued))
    leader.apply(ends=[end_of(queued, after=AttemptState.LOST, nonce=None)])
    world.clock.at += timedelta(seconds=LIFETIME_S + 60)
    before = dict(worker.tokens)
    (reply,) = worker.say(beat(queued)).replies
    assert reply.cancel == (id_of(queued),)
    assert worker.tokens == before


# ---- what commits ---------------------------------------------------------------------------


def test_an_end_is_recorded_with_all_that_belongs_to_it(
    worker: Worker, queued: TaskInstance, world: World
) -> None:
    worker.say(claim(queued))
    done = Finish(
        seq=1,
        attempt_id=id_of(queued),
        nonce="n",
        outcome=Succeeded(),
        xcoms=(XComValue(key="return_value", value=b"[1]"),),
        mapped_length=1,
        asset_events=(AssetEventOut(name="a", uri="s3://a"),),
    )
    assert worker.error(done) is None
    assert worker.error(done) is None, "the answer may have been lost"
    assert state(world.db, queued) is AttemptState.DONE
    assert xcoms.value(world.db, queued.key, "return_value") == b"[1]"
    told = [(e.kind, e.payload.get("asset_events")) for e in inbox.pending(world.db, 9)]
    assert told == [("claimed", None), ("reported", 1)]


def test_what_a_fenced_attempt_writes_is_refused_with_409(
    worker: Worker, queued: TaskInstance, leader: Leader, world: World
) -> None:
    worker.say(claim(queued))
    leader.apply(ends=[end_of(queued, after=AttemptState.LOST, nonce=None)])
    for message in (
        finish(queued),
        call(queued, SetXCom(key="k", value=b"1")),
        call(queued, GetXComs(key="k", task_ids=("a",))),
    ):
        assert worker.error(message) == "fenced"
        assert worker.status == 409
    assert xcoms.listed(world.db, queued.run_pk) == []


def test_user_code_reads_and_writes(worker: Worker, queued: TaskInstance) -> None:
    worker.say(claim(queued))
    assert worker.error(call(queued, GetVariable("v"))) == "not_found"
    assert worker.error(call(queued, SetVariable(key="v", value="1"))) is None
    (reply,) = worker.say(call(queued, GetVariable("v"))).replies
    assert reply.body == {"value": "1"}
    assert worker.error(call(queued, SetXCom(key="k", value=b"[2]"))) is None
    (reply,) = worker.say(call(queued, GetXComs(key="k", task_ids=("a",)))).replies
    assert [item["value"] for item in reply.body["items"]] == [b"[2]"]
    assert worker.error(call(queued, GetVariable("v"), nonce="stolen")) == "fenced"


def test_a_batch_is_answered_in_order_whatever_becomes_of_its_messages(
    worker: Worker, queued: TaskInstance
) -> None:
    worker.say(claim(queued))
    batch = (
        finish(queued, seq=7),
        beat(queued, "wrong", seq=8),
        claim(queued, "late", seq=9),
        AppendLog(seq=10, attempt_id=id_of(queued), offset=0, lines=b"{}\n"),
    )
    replies = worker.say(*batch).replies
    assert worker.status == 200
    assert [(r.seq, r.error) for r in replies] == [
        (7, None),
        (8, None),
        (9, "fenced"),
        (10, None),
    ]
    assert replies[1].cancel == (id_of(queued),)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff" * 40, encode(Answers(replies=()))])
def test_nonsense_is_400(world: World, body: bytes) -> None:
    answer = world.anybody().send("POST", PATH, body)
    assert answer.status == 400
    assert "not a batch" in (decode_answers(answer.body).replies[0].message or "")


def test_a_worker_of_another_version_is_told_so(world: World) -> None:
    body = encode(Batch(worker="far:1", messages=(), wire=99))
    answer = world.anybody().send("POST", PATH, body)
    assert answer.status == 400
    assert "same version of Tradewind" in (decode_answers(answer.body).replies[0].message or "")


def test_a_fault_of_ours_costs_one_message_and_not_its_batch(
    worker: Worker, queued: TaskInstance, world: World
) -> None:
    worker.say(claim(queued))
    # No column takes this: the move fails in the database, whatever is tried.
    bad = call(queued, SetXCom(key="k", value=object()))  # type: ignore[arg-type]
    good = msgspec.structs.replace(call(queued, SetXCom(key="k", value=b"1")), seq=2)
    batch = Batch(worker="far:1", messages=(bad, good), tokens=worker.tokens)
    answers = Answering(
        world.db,
        bell(world.db),
        world.clock,
        UserCalls(world.db, open_secrets(world.db, (new_key(),), {}), bell(world.db), world.clock),
        AttemptTokens(SigningKey(world.config.api_auth.signing_key_file), world.clock),
        LogIntake(world.home),
    ).answer(batch)
    assert [(r.seq, r.error) for r in answers.replies] == [(1, "invalid"), (2, None)]
    assert "internal error" in (answers.replies[0].message or "")
    assert xcoms.value(world.db, queued.key, "k") == b"1"


# ---- logs -----------------------------------------------------------------------------------


def test_log_lines_are_kept_once_whatever_is_repeated(
    worker: Worker, queued: TaskInstance, world: World
) -> None:
    worker.say(claim(queued))

    def append(offset: int, lines: bytes) -> int:
        message = AppendLog(seq=1, attempt_id=id_of(queued), offset=offset, lines=lines)
        return int(worker.say(message).replies[0].body["size"])

    assert append(0, b"one\n") == 4
    (segment,) = Path(world.config.logging.base_log_folder).rglob("1.jsonl")
    with segment.open("ab") as other:
        other.write(b"from somebody else\n")
    assert append(0, b"one\ntwo\n") == 8
    assert append(0, b"one\n") == 8
    assert append(20, b"too early\n") == 8, "the worker sends from there"
    assert append(8, b"three\n") == 14
    assert segment.read_bytes() == b"one\nfrom somebody else\ntwo\nthree\n"


# ---- callbacks ------------------------------------------------------------------------------


def test_a_callback_is_claimed_by_one_worker_and_struck_off_by_the_leader(
    worker: Worker, queued: TaskInstance, leader: Leader, world: World
) -> None:
    leader.apply(callbacks=[CallbackWrite(dedup="x", run_pk=queued.run_pk, kind="failure")])
    attempt_id = AttemptId("callback.1.0")
    given = msgspec.structs.replace(assignment_of(queued), attempt_id=attempt_id)
    callbacks.offer(world.db, 1, attempt_id, "token", encode(given))
    callbacks.offer(world.db, 1, attempt_id, "another token", encode(given))
    ask = Claim(seq=1, attempt_id=attempt_id, nonce="n", claim_token="token", worker="w")
    (reply,) = worker.say(ask).replies
    assert decode_assignment(reply.body["assignment"]) == given
    assert worker.error(msgspec.structs.replace(ask, nonce="late")) == "fenced"
    alive = Beat(seq=1, attempts=(RunningAttempt(attempt_id, "n"),))
    assert worker.say(alive).replies[0].cancel == ()
    assert callbacks.heartbeats(world.db, [attempt_id]) == {attempt_id: ("n", 2)}
    done = CallbackDone(seq=1, attempt_id=attempt_id, nonce="n", callback_id=1)
    assert worker.error(done) is None
    assert worker.error(msgspec.structs.replace(done, nonce="stolen")) == "fenced"
    (told,) = inbox.pending(world.db, 9)
    assert (told.kind, told.payload) == (
        "callback_ended",
        {"attempt_id": attempt_id, "error": None},
    )


def test_a_callback_whose_process_died_is_told_to_the_leader(
    worker: Worker, queued: TaskInstance, leader: Leader, world: World
) -> None:
    leader.apply(callbacks=[CallbackWrite(dedup="x", run_pk=queued.run_pk, kind="failure")])
    attempt_id = AttemptId("callback.1.0")
    given = msgspec.structs.replace(assignment_of(queued), attempt_id=attempt_id)
    callbacks.offer(world.db, 1, attempt_id, "token", encode(given))
    worker.say(Claim(seq=1, attempt_id=attempt_id, nonce="n", claim_token="token", worker="w"))
    died = Finish(seq=1, attempt_id=attempt_id, nonce="n", outcome=Vanished(reason="SIGKILL"))
    assert worker.error(died) is None
    (told,) = inbox.pending(world.db, 9)
    assert told.payload["lost"] == "SIGKILL"
