from __future__ import annotations

from tradewind.worker.celery.stall import Stall, Verdict

STALL_S = 60.0


def test_probes_that_come_back_are_all_that_is_needed() -> None:
    stall = Stall(STALL_S)
    for now in range(0, 1000, 20):
        assert stall.verdict(now, full=False) is Verdict.NOTHING
        stall.sent(now)
        stall.came()


def test_a_broker_that_takes_no_probes_is_no_stall() -> None:
    assert Stall(STALL_S).verdict(10_000, full=False) is Verdict.NOTHING


def test_a_silent_connection_is_made_anew_and_then_given_up() -> None:
    stall = Stall(STALL_S)
    stall.sent(0)
    stall.sent(20)
    assert stall.verdict(59, full=False) is Verdict.NOTHING
    assert stall.verdict(60, full=False) is Verdict.RECONNECT
    stall.sent(80)
    assert stall.verdict(119, full=False) is Verdict.NOTHING
    assert stall.verdict(120, full=False) is Verdict.EXIT


def test_a_new_connection_that_delivers_is_good() -> None:
    stall = Stall(STALL_S)
    stall.sent(0)
    assert stall.verdict(60, full=False) is Verdict.RECONNECT
    stall.came()
    stall.sent(80)
    assert stall.verdict(140, full=False) is Verdict.RECONNECT


def test_a_worker_that_is_full_consumes_nothing_on_purpose() -> None:
    stall = Stall(STALL_S)
    stall.sent(0)
    assert stall.verdict(100, full=True) is Verdict.NOTHING
    assert stall.verdict(120, full=False) is Verdict.NOTHING
    assert stall.verdict(160, full=False) is Verdict.RECONNECT
