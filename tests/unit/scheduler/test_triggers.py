from __future__ import annotations

from datetime import UTC, datetime

from tradewind.model.ids import AttemptId, TiKey
from tradewind.scheduler.triggerers import Triggerers
from tradewind.scheduler.triggers import LiveTriggers
from tradewind.store.read.scheduling import Deferral
from tradewind.wire.messages import RunningAttempt

A, B = AttemptId("trigger.1"), AttemptId("trigger.2")
LEASE_S = 10.0


class FakeClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.triggerers = Triggerers(self.clock, LEASE_S)
        self.triggers = LiveTriggers(self.triggerers)
        for attempt_id in (A, B):
            self.triggers.add(attempt_id, deferral())

    @property
    def idle(self) -> list[AttemptId]:
        return [attempt_id for attempt_id, _ in self.triggers.idle()]

    def give(self, attempt_id: AttemptId, peer_id: str, nonce: str | None = None) -> None:
        self.triggerers.connected(peer_id)
        self.triggers.give(attempt_id, peer_id, nonce)


def deferral() -> Deferral:
    return Deferral(
        ti=TiKey(1, "t", -1),
        fence=1,
        classpath="a.B",
        kwargs=b"{}",
        next_method="go_on",
        next_kwargs=b"{}",
        timeout_at=None,
        has_result=False,
        payload=None,
        error=None,
        timed_out=False,
    )


def test_the_one_that_has_fewest_is_chosen() -> None:
    world = World()
    assert world.triggerers.choose() is None
    world.give(A, "x")
    world.triggerers.connected("y")
    assert world.triggerers.choose() == "y"
    world.triggers.forget(A)
    world.give(B, "y")
    assert world.triggerers.choose() == "x"


def test_what_a_lost_triggerer_had_is_idle() -> None:
    world = World()
    world.give(A, "x", "n")
    assert world.idle == [B]
    world.triggers.take_back(world.triggerers.disconnected("x"))
    assert world.idle == [B, A]
    assert world.triggerers.choose() is None


def test_silence_for_a_lease_loses_everything_once_and_a_word_ends_it() -> None:
    world = World()
    world.give(A, "x", "n")
    world.clock.at = LEASE_S
    assert world.triggerers.silent() == []
    world.clock.at = LEASE_S + 1
    assert world.triggerers.silent() == [("x", {A})]
    assert world.triggerers.silent() == []
    assert world.triggerers.choose() is None
    world.triggerers.heard("x")
    assert world.triggerers.choose() == "x"


def test_a_beat_that_names_a_claimed_trigger_no_more_has_lost_it() -> None:
    world = World()
    world.give(A, "x", "n")
    world.give(B, "x")
    assert world.triggers.compare("x", []) == []
    assert world.idle == [A], "what is not claimed yet may be on its way"


def test_what_runs_under_another_claim_is_to_stop() -> None:
    world = World()
    world.give(A, "x", "n")
    stale = RunningAttempt(A, "old")
    unknown = RunningAttempt(AttemptId("trigger.9"), "n")
    assert world.triggers.compare("y", [stale, unknown]) == [A, "trigger.9"]
    assert world.triggers.compare("x", [RunningAttempt(A, "n")]) == []


def test_what_was_given_and_named_before_its_claim_was_read_may_go_on() -> None:
    world = World()
    world.give(A, "x")
    assert world.triggers.compare("x", [RunningAttempt(A, "n")]) == []
    assert world.triggers.compare("y", [RunningAttempt(A, "m")]) == [A]


def test_who_is_given_what_it_has_already_keeps_it_under_its_old_claim() -> None:
    world = World()
    world.give(A, "x")
    world.triggers.adopt(A, "y", "m")
    world.triggers.adopt(A, "x", "n")
    assert world.triggers.compare("x", [RunningAttempt(A, "n")]) == []
    assert world.triggers.compare("x", [RunningAttempt(A, "m")]) == [A]


def test_what_nobody_else_was_given_is_adopted() -> None:
    world = World()
    world.triggerers.connected("x")
    assert world.triggers.compare("x", [RunningAttempt(A, "n")]) == []
    found = world.triggers.get(A)
    assert found is not None
    assert (found.peer_id, found.nonce) == ("x", "n")
    assert world.idle == [B]
